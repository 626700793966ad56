#include <unistd.h>

#include <algorithm>
#include <utility>

#include "data/conversion/export.h"
#include "data/error.h"
#include "data/io/file_error.h"
#include "data/io/temporary.h"
#include "data/io/text_io.h"
#include "data/text/sha256.h"

namespace prm {
namespace {

namespace fs = std::filesystem;

struct WrittenSplit {
  std::string name;
  std::string sha256;
  uint64_t bytes = 0;
  ConversionReport report;
};

void CheckSplits(const std::vector<Split>& splits) {
  if (splits.empty()) throw OptionError("a Hugging Face folder needs at least one split");
  for (size_t i = 0; i < splits.size(); ++i) {
    const std::string& name = splits[i].name;
    const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
    // "all" means all splits to `datasets`.
    if (!plain || name == "all") {
      throw OptionError(StrCat("a split's name has letters, digits and _ and is not all, got \"",
                               name, "\"; name it as SPLIT=FILE"));
    }
    for (size_t j = 0; j < i; ++j) {
      if (splits[j].name != name) continue;
      throw OptionError(StrCat("two splits are named ", name, "; name them as SPLIT=FILE"));
    }
  }
}

template <class Act>
void Check(const fs::path& target, const Act& act) {
  std::error_code error;
  act(error);
  if (error) throw FileError("make", target, error.value());
}

fs::path Absolute(const fs::path& target) {
  const fs::path path = fs::absolute(target).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

// A folder beside `target` that Commit renames to it; otherwise it is removed.
class NewFolder {
 public:
  explicit NewFolder(const fs::path& target)
      : target_(Absolute(target)), temporary_(TemporaryName(), [this] {
          Check(target_, [this](std::error_code& error) {
            fs::create_directories(TemporaryName() / "data", error);
          });
        }) {}

  const fs::path& path() const { return temporary_.path(); }
  void Commit() {
    temporary_.Commit([this] {
      Check(target_, [this](std::error_code& error) { fs::rename(path(), target_, error); });
    });
  }

 private:
  fs::path TemporaryName() const {
    fs::path name = target_;
    return name += StrCat(".tmp-", getpid());
  }

  const fs::path target_;
  Temporary temporary_;
};

void RefuseUsedFolder(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder, error)) return;
  if (!fs::is_directory(folder, error) || !fs::is_empty(folder, error)) {
    throw Error(ErrorCode::kAlreadyExists,
                StrCat(folder.string(), ": expected a new or empty folder, got one in use"));
  }
}

WrittenSplit WriteSplit(const Split& split, const fs::path& folder, const ExportOptions& options) {
  WrittenSplit written{split.name, "", 0, {}};
  OutputFile file(folder / "data" / (split.name + ".jsonl"));
  Sha256 hash;
  const auto write = [&](std::string_view row) {
    file.Write(row);
    file.Write("\n");
    hash.Add(row);
    hash.Add("\n");
    written.bytes += row.size() + 1;
  };
  written.report = ExportTraces({split.file}, FormatNamed("huggingface"), options, write);
  // `datasets` cannot read a split without rows.
  if (written.report.rows_out == 0) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(split.file.string(), ": split ", split.name, ": no trace to write"));
  }
  file.Commit();
  written.sha256 = hash.TakeHex();
  return written;
}

// --- the card -----------------------------------------------------------------------------------

// The types of the columns. Without them `datasets` derives types from the first rows of each
// split: a column that is null there would get a type of its own.
constexpr std::pair<std::string_view, std::string_view> kFeatures[] = {
    {"id", "dtype: string"},
    {"problem", "dtype: string"},
    {"steps", "sequence: string"},
    {"labels", "sequence: string"},
    {"necessity_known", "dtype: bool"},
    {"soft", "sequence: float32"},
    {"first_error", "dtype: int64"},
    {"final_correct", "dtype: bool"},
    {"answer", "dtype: string"},
    {"reference_answer", "dtype: string"},
    {"domain", "dtype: string"},
    {"strategy", "dtype: string"},
    {"source", "dtype: string"},
    {"annotations_json", "dtype: string"},
    {"meta_json", "dtype: string"},
};

std::string FrontMatter(const std::vector<WrittenSplit>& splits) {
  std::string text = "---\nconfigs:\n- config_name: default\n  data_files:\n";
  for (const WrittenSplit& split : splits) {
    text += StrCat("  - split: ", split.name, "\n    path: data/", split.name, ".jsonl\n");
  }
  text += "dataset_info:\n  config_name: default\n  features:\n";
  for (const auto& [name, type] : kFeatures) {
    text += StrCat("  - name: ", name, "\n    ", type, "\n");
  }
  return text + "tags:\n- process-reward-model\n- step-labels\n---\n";
}

std::string CountTable(const std::vector<WrittenSplit>& splits) {
  std::vector<std::string> names(kLabelNames.begin(), kLabelNames.end());
  names.insert(names.end(), {"none", "soft"});
  std::string text = "| split | traces | steps |";
  std::string rule = "|---|---:|---:|";
  for (const std::string& name : names) {
    text += StrCat(" ", name, " |");
    rule += "---:|";
  }
  text += StrCat("\n", rule, "\n");
  for (const WrittenSplit& split : splits) {
    text += StrCat("| ", split.name, " | ", split.report.traces, " | ", split.report.steps, " |");
    for (const std::string& name : names) {
      const auto count = split.report.labels.find(name);
      text += StrCat(" ", count == split.report.labels.end() ? 0 : count->second, " |");
    }
    text += "\n";
  }
  return text;
}

std::string Card(const std::vector<WrittenSplit>& splits, const LabelPolicy& policy) {
  std::string text = FrontMatter(splits);
  text +=
      "\n# Reasoning traces with step labels\n\n"
      "One trace per line. `labels` has one of `correct_necessary`, `correct_redundant`, "
      "`incorrect`, `incomplete` or null (not annotated) per step. If `necessity_known` is "
      "false, `correct_necessary` only means correct. `first_error` is the index of the first "
      "step that is incorrect or incomplete, -1 if none, null if not decidable. `soft` is a "
      "value in [0, 1] per step. `annotations_json` and `meta_json` hold JSON text. In the "
      "counts, `soft` is the number of soft values and `none` the number of steps without a "
      "label.\n\n## Counts\n\n";
  text += CountTable(splits);
  text += StrCat("\n## Mapping policy\n\nRedundant: ", LabelFateName(policy.redundant),
                 "; incomplete: ", LabelFateName(policy.incomplete),
                 "; after the first error: ", LabelFateName(policy.after_first_error),
                 "; null: masked.\n\n## Files\n\n| file | bytes | SHA-256 |\n|---|---:|---|\n");
  for (const WrittenSplit& split : splits) {
    text += StrCat("| data/", split.name, ".jsonl | ", split.bytes, " | ", split.sha256, " |\n");
  }
  text += "\n## Refused\n\n";
  for (const WrittenSplit& split : splits) {
    text += StrCat(split.name, ": ", split.report.refused, " of ", split.report.rows_in,
                   " rows, in report.json with their reasons.\n");
  }
  return text;
}

std::string Reports(const std::vector<WrittenSplit>& splits) {
  std::string json;
  for (const WrittenSplit& split : splits) {
    json += json.empty() ? "{\"" : ",\n \"";
    json += StrCat(split.name, "\": ", ReportToJson(split.report));
  }
  return json + "}\n";
}

}  // namespace

std::vector<ConversionReport> ExportHuggingFaceFolder(const std::vector<Split>& splits,
                                                      const fs::path& folder,
                                                      const ExportOptions& options) {
  CheckPolicy(FormatNamed("huggingface"), options.policy);
  CheckSplits(splits);
  RefuseUsedFolder(folder);
  NewFolder made(folder);
  std::vector<WrittenSplit> written;
  for (const Split& split : splits) written.push_back(WriteSplit(split, made.path(), options));
  WriteFileAtomically(made.path() / "report.json", Reports(written));
  WriteFileAtomically(made.path() / "README.md", Card(written, options.policy));
  made.Commit();
  std::vector<ConversionReport> reports;
  for (WrittenSplit& split : written) reports.push_back(std::move(split.report));
  return reports;
}

}  // namespace prm
