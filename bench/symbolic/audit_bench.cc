// How often does the checker of `prm data verify` refute right steps, and how many wrong ones does
// it find? Prints the table of bench/results/symbolic.md, by source and by half of the split in
// held_out.h, then the identifier of each step that is labelled right but refuted hard.
//
//   audit_bench [--data TRACES...] [--confirmed LIST]
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "bench/report_errors.h"
#include "bench/symbolic/audit.h"
#include "data/records/trace_reader.h"
#include "data/symbolic/step_checker.h"
#include "tests/shared_data.h"
#include "tests/source_dir.h"

namespace prm::bench {
namespace {

struct Options {
  std::vector<std::string> data = {(SharedData() / "steps/train.jsonl.xz").string(),
                                   (SharedData() / "steps/dev.jsonl.xz").string()};
  std::string confirmed = SourceDir() / "bench/symbolic/confirmed_slips";
};

void AddTraces(const std::string& file, Auditor* auditor) {
  TraceReader reader(file);
  StepChecker checker("");
  for (Trace trace; reader.Next(&trace);) {
    checker.Reset(trace.problem);
    std::vector<StepCheck> checks;
    for (const Step& step : trace.steps) checks.push_back(checker.Check(step.text));
    auditor->Add(trace, checks);
  }
}

int Main(int argc, char** argv) {
  CLI::App app("False refutations and recall of the symbolic step checker, against labels");
  Options options;
  app.add_option("--data", options.data, "labelled traces in the native format")
      ->capture_default_str();
  app.add_option("--confirmed", options.confirmed,
                 "identifiers of refuted steps that are real slips of their source")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  Auditor auditor(ReadConfirmedSlips(options.confirmed));
  for (const std::string& file : options.data) AddTraces(file, &auditor);
  std::cout << auditor.ToMarkdown() << "\nHard refutations of steps labelled right:\n";
  for (const std::string& id : auditor.audit().refuted_right) std::cout << id << "\n";
  return 0;
}

}  // namespace
}  // namespace prm::bench

int main(int argc, char** argv) {
  return prm::bench::ReportErrors("audit_bench", prm::bench::Main, argc, argv);
}
