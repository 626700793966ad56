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
  std::string report;   // JSON; empty: none
  std::string refused;  // JSON lines; empty: none
  bool json = false;
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
  if (flags.out == "-" && flags.json) {
    throw UsageError("--json writes to standard output, and so does --out -: choose one");
  }
  CheckOutputs({flags.in}, {flags.out, flags.report, flags.refused});
  if (FindInvalidUtf8(flags.options.read.source)) throw UsageError("--source is not UTF-8");
  ProgressLine progress;
  // Opened first: what cannot be written is known before hours of work.
  std::optional<OutputFile> report_file, refused;
  if (!flags.report.empty()) report_file.emplace(flags.report);
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
  if (report_file) {
    report_file->Write(ReportToJson(report) + "\n");
    report_file->Commit();
  }
  progress.Finish(StrCat(report.rows_in, " rows, ", report.refused, " refused"));
  (flags.out == "-" ? std::cerr : std::cout)
      << (flags.json ? ReportToJson(report) + "\n" : ReportToText(report));
  if (report.refused > 0) throw CLI::RuntimeError(kExitRefused);
}

void AddReadFlags(CLI::App* verb, ReadOptions* read) {
  static const std::map<std::string, SplitRule> kSplits = {{"numbered", SplitRule::kNumbered},
                                                           {"lines", SplitRule::kLines},
                                                           {"paragraphs", SplitRule::kParagraphs},
                                                           {"sentences", SplitRule::kSentences}};
  static const std::map<std::string, CalculatorMarks> kMarks = {{"meta", CalculatorMarks::kMeta},
                                                                {"strip", CalculatorMarks::kStrip},
                                                                {"keep", CalculatorMarks::kKeep}};
  verb->add_option("--source", read->source,
                   "The traces' source, and the head of ids that are made up; default: the format");
  verb->add_flag("--references", read->references,
                 "Reference solutions beside the judged one become traces, taken as correct");
  verb->add_flag("--alternatives", read->alternatives,
                 "prm800k: rated alternatives become traces of their own, beside meta.prm800k");
  verb->add_option("--split", read->split, "text: where steps begin")
      ->transform(CLI::CheckedTransformer(kSplits).description(""))
      ->type_name("numbered|lines|paragraphs|sentences")
      ->default_str("numbered");
  verb->add_option("--calculator", read->calculator_marks,
                   "gsm8k: marks <<a=b>> go to meta.calculator, or are stripped or kept")
      ->transform(CLI::CheckedTransformer(kMarks).description(""))
      ->type_name("meta|strip|keep")
      ->default_str("meta");
  verb->add_option("--first-step", read->first_step_mark,
                   "math-shepherd, er-prm, rlhflow: what the first step begins with")
      ->capture_default_str();
}

}  // namespace

void AddImportCommand(CLI::App& data) {
  auto flags = std::make_shared<ImportFlags>();
  CLI::App* verb = data.add_subcommand(
      "import", "Turns traces of other formats into native ones; exits 3 where rows were refused.");
  verb->add_option("file", flags->in, "Plain, gzip or xz; - for standard input")
      ->capture_default_str();
  verb->add_option("--format", flags->options.format, FormatsThatAreRead())->capture_default_str();
  verb->add_option("--out", flags->out,
                   "Native JSON lines, .gz and .xz compress; - for "
                   "standard output, the report then goes to standard error")
      ->required();
  AddReadFlags(verb, &flags->options.read);
  LabelPolicy& policy = flags->options.policy;
  AddFateFlag(verb, "--redundant", &policy.redundant, "Redundant or neutral steps become")
      ->default_str("own");
  AddFateFlag(verb, "--incomplete", &policy.incomplete, "Incomplete steps become (not positive)")
      ->default_str("own");
  AddFateFlag(verb, "--after-first-error", &policy.after_first_error,
              "Steps behind the first error become, labelled or not (not positive)")
      ->default_str("own");
  verb->add_flag("--strict", flags->options.strict, "Stop at the first refusal with exit code 1");
  verb->add_flag("--json", flags->json, "The report as JSON");
  verb->add_option("--report", flags->report, "File for the report as JSON");
  verb->add_option("--refused", flags->refused, "File for every refusal as JSON lines");
  verb->callback([flags] { Import(*flags); });
}

}  // namespace prm
