// prm data import
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "data/commands.h"
#include "data/conversion/conversion_flags.h"
#include "data/conversion/import.h"
#include "data/error.h"
#include "data/io/progress_line.h"
#include "data/io/text_io.h"
#include "data/records/trace_reader.h"
#include "data/text/utf8.h"

namespace prm {
namespace {

struct ImportFlags {
  std::string in = "-";
  std::string out;
  std::string refused;  // JSON lines; empty: none
  std::string json;     // empty: none
  ImportOptions options;
};

std::string FormatsThatAreRead() {
  std::string text = "auto: by the first rows";
  for (const Format& format : Formats()) {
    if (format.read) text += StrCat("\n", format.name, ": ", format.rows);
  }
  return text;
}

std::string RefusalLine(const Refusal& refusal) {
  const nlohmann::json line = {{"where", refusal.where}, {"reason", refusal.reason}};
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void Import(ImportFlags flags) {
  CheckOutputs({flags.in}, {flags.out, flags.json, flags.refused});
  if (FindInvalidUtf8(flags.options.read.source)) throw OptionError("--source is not UTF-8");
  ProgressLine progress;
  // Opened first: what cannot be written is known before hours of work.
  std::optional<OutputFile> json, refused;
  if (!flags.json.empty()) json.emplace(flags.json);
  if (!flags.refused.empty()) refused.emplace(flags.refused);
  flags.options.on_refusal = [&](const Refusal& refusal) {
    if (refused) refused->Write(RefusalLine(refusal));
  };
  flags.options.on_progress = [&](const ConversionReport& so_far) {
    progress.Update([&] { return StrCat(so_far.rows_in, " rows, ", so_far.refused, " refused"); });
  };
  TraceWriter out(flags.out);
  const ConversionReport report =
      ImportTraces(flags.in, flags.options, [&out](const Trace& trace) { out.Write(trace); });
  out.Close();
  if (refused) refused->Commit();
  if (json) {
    json->Write(ReportToJson(report) + "\n");
    json->Commit();
  }
  progress.Finish(StrCat(report.rows_in, " rows, ", report.refused, " refused"));
  if (flags.json != "-") (flags.out == "-" ? std::cerr : std::cout) << ReportToText(report);
  if (report.refused > 0) throw CLI::RuntimeError(kExitRefused);
}

void AddReadFlags(CLI::App* verb, ReadOptions* read) {
  const std::vector<std::pair<std::string, SplitRule>> splits = {
      {"numbered", SplitRule::kNumbered},
      {"lines", SplitRule::kLines},
      {"paragraphs", SplitRule::kParagraphs},
      {"sentences", SplitRule::kSentences}};
  const std::vector<std::pair<std::string, CalculatorMarks>> marks = {
      {"meta", CalculatorMarks::kMeta},
      {"strip", CalculatorMarks::kStrip},
      {"keep", CalculatorMarks::kKeep}};
  verb->add_option("--source", read->source,
                   "Source of the traces, and prefix of ids that are made up; default: the format");
  verb->add_flag("--references", read->references,
                 "Also make a trace of each reference solution, with all steps correct");
  verb->add_flag("--alternatives", read->alternatives,
                 "prm800k: also make a trace of each rated alternative");
  AddChoice(verb, "--split", read->split, splits, "text: where steps begin");
  AddChoice(verb, "--calculator", read->calculator_marks, marks,
            "gsm8k: move marks <<a=b>> to meta.calculator, strip them or keep them");
  verb->add_option("--first-step", read->first_step_mark,
                   "math-shepherd, er-prm, rlhflow: text that the first step begins with")
      ->capture_default_str();
}

}  // namespace

void AddImportCommand(CLI::App& data) {
  auto flags = std::make_shared<ImportFlags>();
  CLI::App* verb =
      data.add_subcommand("import", "Converts traces of other formats to the native format.");
  AddInput(verb, flags->in, "Rows to convert, plain, gzip or xz");
  verb->add_option("--format", flags->options.format, FormatsThatAreRead())->capture_default_str();
  verb->add_option("--out", flags->out,
                   "Native traces, compressed if named .gz or .xz; - is standard output, and the "
                   "report then goes to standard error")
      ->required();
  AddReadFlags(verb, &flags->options.read);
  LabelPolicy& policy = flags->options.policy;
  AddFateFlag(verb, "--redundant", &policy.redundant, "What redundant or neutral steps become");
  AddFateFlag(verb, "--incomplete", &policy.incomplete,
              "What incomplete steps become; not positive");
  AddFateFlag(verb, "--after-first-error", &policy.after_first_error,
              "What steps after the first error become, labelled or not; not positive");
  verb->add_flag("--strict", flags->options.strict, "Stop at the first refusal with exit code 1");
  AddJson(verb, flags->json);
  verb->add_option("--refused", flags->refused, "File for every refusal, as JSON lines");
  AddExamples(verb, {"prm data import rows.jsonl --format processbench --out traces.jsonl",
                     "prm data import --in rows.jsonl --out - --json report.json >traces.jsonl"});
  verb->callback([flags] { Import(*flags); });
}

}  // namespace prm
