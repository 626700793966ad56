// prm data check, prm data qa
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

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
      "check", "Says on one page whether a file of traces deserves to be trained on.");
  check->add_option("file", options.in, "Traces; - for standard input")->required();
  check->add_option("--against", options.against, "Evaluation files that must not be in it");
  check->add_option("--guidelines", options.guidelines, "Guidelines by domain, JSON");
  check->add_option("--plan", options.plan, "Coverage targets, JSON; default 20 a cell");
  check->add_option("--html", flags->html, "File for the page with pictures");
  check->add_option("--json", flags->json, "File for all numbers and examples");
  check->add_option("--examples", options.examples, "Examples kept of each kind of finding")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  check->add_option("--seed", options.seed, "Of the examples and samples")->capture_default_str();
  check->add_option("--threads", options.threads, "Threads")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
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
    std::cout << CheckText(report);
  });
}

void AddQaCommand(CLI::App& data) {
  auto options = std::make_shared<QaOptions>();
  CLI::App* qa =
      data.add_subcommand("qa", "Checks answers and steps, and says what becomes of each trace.");
  qa->add_option("file", options->in, "Traces; - for standard input")->required();
  qa->add_option("--out", options->out, "File for one JSON line a trace; - for standard output")
      ->capture_default_str();
  qa->add_option("--guidelines", options->guidelines, "Guidelines by domain, JSON");
  qa->add_option("--threads", options->threads, "Threads")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
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
