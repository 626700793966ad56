// Native traces in other formats.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/conversion/report.h"
#include "data/formats/format.h"

namespace prm {

struct ExportOptions {
  LabelPolicy policy;  // Format::write_policy unless asked otherwise; see CheckPolicy
  WriteOptions write;
  bool strict = false;  // throw the first refusal
  // Called for each refusal and periodically; may be empty.
  std::function<void(const Refusal&)> on_refusal;
  std::function<void(const ConversionReport&)> on_progress;
};

// Throws OptionError if `format` cannot be written or has no class for a label that the policy
// keeps.
void CheckPolicy(const Format& format, const LabelPolicy& policy);

// Reads the native files in order and passes each row to `write`, without newline. A trace that
// cannot be read or represented is refused with its place and reason; parts that the format cannot
// carry are counted in the report. Throws Error for a file that cannot be read, and whatever
// `write` throws.
ConversionReport ExportTraces(const std::vector<std::filesystem::path>& in, const Format& format,
                              const ExportOptions& options,
                              const std::function<void(std::string_view)>& write);

struct Split {
  std::string name;  // letters, digits and _, not "all"
  std::filesystem::path file;
};

// Creates the folder, completely or not at all: data/<split>.jsonl, report.json and README.md, a
// data card with the columns' types, counts of rows and labels, the policy and each file's SHA-256.
// Throws Error(kAlreadyExists) if the folder is not empty. Returns one report per split. Source:
// Hugging Face Hub, "Dataset Cards" and "Manual Configuration".
std::vector<ConversionReport> ExportHuggingFaceFolder(const std::vector<Split>& splits,
                                                      const std::filesystem::path& folder,
                                                      const ExportOptions& options);

}  // namespace prm
