// prm data check, prm data qa
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "data/command_flags.h"
#include "data/commands.h"
#include "data/curation/check.h"
#include "data/curation/qa_lines.h"
#include "data/io/text_io.h"

namespace prm {

void AddCheckCommand(CLI::App& data) {
  struct Flags {
    CheckOptions options;
    std::string html, json;
  };
  auto flags = std::make_shared<Flags>();
  CheckOptions& options = flags->options;
  CLI::App* check = data.add_subcommand(
      "check", "Reports on one page whether traces are good enough to train on.");
  AddInput(check, options.in, "Traces")->required();
  check->add_option("--against", options.against,
                    "Evaluation files whose problems must not be in it");
  check->add_option("--guidelines", options.guidelines, "Guidelines by domain, JSON");
  check->add_option("--plan", options.plan, "Coverage targets, JSON; default: 20 per cell");
  check->add_option("--html", flags->html, "File for the page with pictures");
  AddJson(check, flags->json);
  AddNumber(check, "--examples", options.examples, 0, 100000,
            "Examples kept of each kind of finding");
  check->add_option("--seed", options.seed, "Seed of the examples and samples")
      ->capture_default_str();
  AddThreads(check, options.threads);
  AddExamples(check, {"prm data check traces.jsonl",
                      "prm data check traces.jsonl --against dev.jsonl --html page.html"});
  check->callback([flags] {
    std::vector<std::filesystem::path> inputs = flags->options.against;
    inputs.insert(inputs.end(),
                  {flags->options.in, flags->options.guidelines, flags->options.plan});
    CheckOutputs(inputs, {flags->html, flags->json});
    std::optional<OutputFile> json, html;  // opened first: the work may take long
    if (!flags->json.empty()) json.emplace(flags->json);
    if (!flags->html.empty()) html.emplace(flags->html);
    const CheckReport report = CheckTraces(flags->options);
    if (json) json->Write(CheckJson(report));
    if (html) html->Write(CheckHtml(report));
    if (json) json->Commit();
    if (html) html->Commit();
    if (flags->json != "-" && flags->html != "-") std::cout << CheckText(report);
  });
}

void AddQaCommand(CLI::App& data) {
  auto options = std::make_shared<QaOptions>();
  CLI::App* qa = data.add_subcommand(
      "qa", "Checks answers and steps, and decides what becomes of each trace.");
  AddInput(qa, options->in, "Traces")->required();
  AddOutput(qa, options->out, "One JSON line per trace");
  qa->add_option("--guidelines", options->guidelines, "Guidelines by domain, JSON");
  AddThreads(qa, options->threads);
  AddExamples(qa, {"prm data qa traces.jsonl --out qa.jsonl"});
  qa->callback([options] {
    CheckOutputs({options->in, options->guidelines}, {options->out});
    const QaResult result = WriteQaLines(*options);
    for (size_t i = 0; i < kNumQaStatuses; ++i) {
      std::cerr << QaStatusName(QaStatus(i)) << ": " << result.statuses[i] << "\n";
    }
    std::cerr << "traces with findings: " << result.with_findings << "\n";
  });
}

}  // namespace prm
