// prm data verify
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/command_flags.h"
#include "data/commands.h"
#include "data/error.h"
#include "data/io/json_text.h"
#include "data/io/text_io.h"
#include "data/math_text/verdict.h"
#include "data/records/trace_reader.h"
#include "data/symbolic/step_checker.h"
#include "data/symbolic/verdict_counts.h"

namespace prm {
namespace {

struct VerifyFlags {
  std::string file;
  std::string out;  // empty: none
  bool steps = false;
  bool summary = false;
};

void AppendField(std::string_view name, std::string_view text, std::string* json) {
  AppendJsonString(name, json);
  *json += ": ";
  AppendJsonString(text, json);
}

std::string ToJson(const Trace& trace, const std::vector<StepCheck>& checks) {
  std::string json = "{";
  AppendField("id", trace.id, &json);
  json += ", ";
  AppendField("source", trace.source, &json);
  json += ", \"steps\": [";
  for (size_t i = 0; i < checks.size(); ++i) {
    const StepCheck& check = checks[i];
    json += i == 0 ? "{" : ", {";
    AppendField("verdict", VerdictName(check.verdict), &json);
    json += ", ";
    AppendField("reason", ReasonName(check.reason), &json);
    json += ", ";
    AppendField("severity", SeverityName(check.severity), &json);
    json += ", \"relations\": [";
    for (size_t j = 0; j < check.relations.size(); ++j) {
      const RelationCheck& relation = check.relations[j];
      json += StrCat(j == 0 ? "{" : ", {", "\"span\": [", relation.begin, ", ", relation.end,
                     "], \"operations\": ", relation.operations, ", ");
      AppendField("verdict", VerdictName(relation.verdict), &json);
      for (const auto& [name, text] :
           {std::pair<std::string_view, std::string_view>("reason", ReasonName(relation.reason)),
            {"severity", SeverityName(relation.severity)},
            {"relation", relation.relation},
            {"left_form", relation.left_form},
            {"right_form", relation.right_form},
            {"left_value", relation.left_value},
            {"right_value", relation.right_value}}) {
        json += ", ";
        AppendField(name, text, &json);
      }
      json += "}";
    }
    json += "]}";
  }
  return json + "]}\n";
}

void PrintSteps(const Trace& trace, const std::vector<StepCheck>& checks) {
  for (size_t i = 0; i < checks.size(); ++i) {
    std::cout << trace.id << ":" << i << "\t" << VerdictName(checks[i].verdict) << "\t"
              << ReasonName(checks[i].reason) << "\t" << SeverityName(checks[i].severity) << "\n";
  }
}

void PrintCounts(std::string_view name, const VerdictCounts& counts) {
  std::cout << name << ": " << counts.steps << " steps, "
            << counts.verdicts[size_t(Verdict::kArithOk)] << " arith_ok (" << counts.all_ok
            << " with every relation), " << counts.verdicts[size_t(Verdict::kRefuted)]
            << " refuted (" << counts.soft << " soft), "
            << counts.verdicts[size_t(Verdict::kNotChecked)] << " not_checked\n";
}

void PrintSummary(const std::map<std::string, VerdictCounts>& by_source, const VerdictCounts& all) {
  for (const auto& [source, counts] : by_source) {
    PrintCounts(source.empty() ? "(no source)" : source, counts);
  }
  PrintCounts("all", all);
  std::cout << "by reason:";
  for (int i = 0; i < kNumReasons; ++i) {
    if (all.reasons[size_t(i)] == 0) continue;
    std::cout << " " << ReasonName(Reason(i)) << " " << all.reasons[size_t(i)];
  }
  std::cout << "\n";
}

void Verify(const VerifyFlags& flags) {
  CheckOutputs({flags.file}, {flags.out, flags.steps || flags.summary ? "-" : ""});
  const StepCheckOptions options{.describe = !flags.out.empty()};
  StepChecker checker("", options);
  TraceReader reader(flags.file);
  std::optional<OutputFile> out;
  if (!flags.out.empty()) out.emplace(flags.out);
  std::map<std::string, VerdictCounts> by_source;
  VerdictCounts all;
  std::chrono::steady_clock::duration checking{};
  for (Trace trace; reader.Next(&trace);) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<StepCheck> checks;
    checker.Reset(trace.problem);
    for (const Step& step : trace.steps) checks.push_back(checker.Check(step.text));
    checking += std::chrono::steady_clock::now() - start;
    for (const StepCheck& check : checks) {
      all.Add(check);
      by_source[trace.source].Add(check);
    }
    if (out) out->Write(ToJson(trace, checks));
    if (flags.steps) PrintSteps(trace, checks);
  }
  if (out) out->Commit();
  if (flags.summary || (!flags.steps && flags.out.empty())) PrintSummary(by_source, all);
  const double seconds = std::chrono::duration<double>(checking).count();
  std::cerr << all.steps << " steps checked in " << seconds << " s ("
            << int64_t(double(all.steps) / std::max(seconds, 1e-9)) << " steps/s)\n";
}

}  // namespace

void AddVerifyCommand(CLI::App& data) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* verify = data.add_subcommand(
      "verify",
      "Checks the mathematics of every step: refuted, arith_ok (what was checked holds) or "
      "not_checked, never correct.");
  AddInput(verify, flags->file, "Traces")->required();
  verify->add_option("--out", flags->out,
                     "File with one JSON line per trace: verdict, reason, spans, forms and values "
                     "of each step; - is standard output");
  verify->add_flag("--steps", flags->steps,
                   "Print a line per step: id:step, verdict, reason, severity");
  verify->add_flag("--summary", flags->summary,
                   "Print counts by source and reason; the default without --out and --steps");
  AddExamples(verify, {"prm data verify traces.jsonl", "prm data verify traces.jsonl --steps",
                       "prm data verify traces.jsonl --out verdicts.jsonl"});
  verify->callback([flags] { Verify(*flags); });
}

}  // namespace prm
