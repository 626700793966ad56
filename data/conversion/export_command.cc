// prm data export
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/commands.h"
#include "data/conversion/conversion_flags.h"
#include "data/conversion/export.h"
#include "data/error.h"
#include "data/io/progress_line.h"
#include "data/io/text_io.h"
#include "data/text/utf8.h"

namespace prm {
namespace {

struct ExportFlags {
  std::vector<std::string> in = {"-"};
  std::string to;
  std::string out;
  std::string json;  // empty: none
  std::optional<LabelFate> redundant, incomplete, after_first_error;
  ExportOptions options;
};

std::string FormatsThatAreWritten() {
  std::string text;
  for (const Format& format : Formats()) {
    if (format.new_writer) text += StrCat(text.empty() ? "" : "\n", format.name, ": ", format.rows);
  }
  return text;
}

// "train=file.jsonl", or a file that is named after its split. One file alone whose name is no
// usual one of a split is `train`, which is what `datasets` and trainers ask for.
Split ParseSplit(const std::string& text, bool alone) {
  const size_t sign = text.find('=');
  if (sign != std::string::npos) return {text.substr(0, sign), text.substr(sign + 1)};
  constexpr std::string_view kUsual[] = {"train", "validation", "valid", "val", "dev", "test"};
  const std::string file = std::filesystem::path(text).filename().string();
  const std::string name = file.substr(0, file.find('.'));
  const bool usual = std::find(std::begin(kUsual), std::end(kUsual), name) != std::end(kUsual);
  return {alone && !usual ? "train" : name, text};
}

std::vector<ConversionReport> Run(const ExportFlags& flags, const Format& format) {
  if (format.name == "huggingface") {
    if (flags.out == "-") throw OptionError("--out: expected a folder for huggingface, got -");
    std::vector<Split> splits;
    std::vector<std::filesystem::path> files;
    for (const std::string& text : flags.in) {
      splits.push_back(ParseSplit(text, flags.in.size() == 1));
      files.push_back(splits.back().file);
    }
    CheckOutputs(files, {flags.json});
    return ExportHuggingFaceFolder(splits, flags.out, flags.options);
  }
  const std::vector<std::filesystem::path> in(flags.in.begin(), flags.in.end());
  CheckOutputs(in, {flags.out, flags.json});
  OutputFile out(flags.out);
  const auto write = [&out](std::string_view row) {
    out.Write(row);
    out.Write("\n");
  };
  std::vector<ConversionReport> reports = {ExportTraces(in, format, flags.options, write)};
  out.Commit();
  return reports;
}

void Export(ExportFlags flags) {
  if (FindInvalidUtf8(flags.options.write.joint)) throw OptionError("--joint is not UTF-8");
  const Format& format = FormatNamed(flags.to);
  LabelPolicy& policy = flags.options.policy;
  policy = format.write_policy;
  policy.redundant = flags.redundant.value_or(policy.redundant);
  policy.incomplete = flags.incomplete.value_or(policy.incomplete);
  policy.after_first_error = flags.after_first_error.value_or(policy.after_first_error);
  CheckPolicy(format, policy);
  ProgressLine progress;
  flags.options.on_progress = [&](const ConversionReport& so_far) {
    progress.Update([&] { return StrCat(so_far.rows_in, " rows, ", so_far.refused, " refused"); });
  };
  std::optional<OutputFile> json_file;  // opened before anything is written
  if (!flags.json.empty()) json_file.emplace(flags.json);
  const std::vector<ConversionReport> reports = Run(flags, format);
  std::string text, json;
  int64_t refused = 0, rows = 0;
  for (const ConversionReport& report : reports) {
    text += ReportToText(report);
    json += ReportToJson(report) + "\n";
    refused += report.refused;
    rows += report.rows_in;
  }
  if (json_file) {
    json_file->Write(json);
    json_file->Commit();
  }
  progress.Finish(StrCat(rows, " rows, ", refused, " refused"));
  if (flags.json != "-") (flags.out == "-" ? std::cerr : std::cout) << text;
  if (refused > 0) throw CLI::RuntimeError(kExitRefused);
}

}  // namespace

void AddExportCommand(CLI::App& data) {
  auto flags = std::make_shared<ExportFlags>();
  CLI::App* verb = data.add_subcommand("export", "Converts native traces to another format.");
  AddInput(verb, flags->in,
           "Native traces, plain, gzip or xz. huggingface: SPLIT=FILE for each split, or a file "
           "that is named after its split; a single file of another name is the split train");
  verb->add_option("--to", flags->to, FormatsThatAreWritten())->required();
  verb->add_option("--out", flags->out,
                   "JSON lines, compressed if named .gz or .xz; - is standard output, and the "
                   "report then goes to standard error. huggingface: a new or empty folder")
      ->required();
  AddFateFlag(verb, "--redundant", &flags->redundant,
              "What redundant steps become; default: by the format");
  AddFateFlag(verb, "--incomplete", &flags->incomplete,
              "What incomplete steps become, not positive; default: by the format");
  AddFateFlag(verb, "--after-first-error", &flags->after_first_error,
              "What steps after the first error become, not positive; default: by the format");
  WriteOptions& write = flags->options.write;
  verb->add_flag("--keep-masked", write.keep_masked,
                 "trl, math-shepherd: keep steps without a label, as null or as the bare tag");
  verb->add_flag("--unknown-answers", write.unknown_answers,
                 "sft: also write traces whose answer is not known to be right");
  verb->add_option("--joint", write.joint, "sft, pairs: text between steps")->default_str("\\n\\n");
  verb->add_flag("--strict", flags->options.strict, "Stop at the first refusal with exit code 1");
  AddJson(verb, flags->json);
  AddExamples(verb,
              {"prm data export traces.jsonl --to trl --out trl.jsonl",
               "prm data export train=traces.jsonl test=dev.jsonl --to huggingface --out hf"});
  verb->callback([flags] { Export(*flags); });
}

}  // namespace prm
