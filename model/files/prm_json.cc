#include "model/files/prm_json.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "data/error.h"
#include "data/text/sha256.h"
#include "model/config/json_fields.h"
#include "model/config/scoring_json.h"

namespace prm {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr int kMaxTokens = 1 << 28;
constexpr TokenId kMaxId = std::numeric_limits<TokenId>::max();
constexpr double kProbabilityTolerance = 1e-3;
constexpr size_t kSha256Digits = 64;

[[noreturn]] void Invalid(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, StrCat(where, ": ", what));
}

void CheckSha256(const std::string& sum, const std::string& what, std::string_view where) {
  if (sum.size() == kSha256Digits && sum.find_first_not_of("0123456789abcdef") == sum.npos) return;
  Invalid(where, StrCat("sha256 of ", what, " is \"", sum,
                        "\"; expected 64 lower-case hexadecimal digits"));
}

void CheckProbability(float p, const std::string& where) {
  if (!(p >= 0 && p <= 1)) Invalid(where, StrCat("probability ", p, "; expected [0, 1]"));
}

void CheckScores(const TraceScores& scores, const std::string& where) {
  for (const float p : scores.p_correct) CheckProbability(p, where);
  for (size_t s = 0; s < scores.label_probs.size(); ++s) {
    double sum = 0;
    for (const float p : scores.label_probs[s]) {
      CheckProbability(p, where);
      sum += p;
    }
    if (std::abs(sum - 1) > kProbabilityTolerance) {
      Invalid(where, StrCat("probabilities sum to ", sum, "; expected 1"));
    }
    const float p_correct = PCorrect(scores.label_probs[s]);
    if (std::abs(p_correct - scores.p_correct[s]) > kProbabilityTolerance) {
      Invalid(where, StrCat("label_probs of step ", s, " give p_correct ", p_correct, "; expected ",
                            scores.p_correct[s]));
    }
  }
}

void CheckSelfTest(const SelfTest& test, int max_tokens, const std::string& where) {
  const auto& [ids, reads, steps_begin] = test.tokens;
  const std::vector<float>& p_correct = test.scores.p_correct;
  const std::vector<LabelProbs>& label_probs = test.scores.label_probs;
  if (reads.empty() || reads.size() != p_correct.size() ||
      (!label_probs.empty() && label_probs.size() != reads.size())) {
    Invalid(where, StrCat(reads.size(), " step_reads, ", p_correct.size(), " p_correct and ",
                          label_probs.size(), " label_probs; expected the same number ",
                          "of each (or no label_probs), at least one"));
  }
  if (ids.size() > static_cast<size_t>(max_tokens)) {
    Invalid(where, StrCat(ids.size(), " ids; expected at most max_tokens ", max_tokens));
  }
  if (steps_begin > reads.front()) {
    Invalid(where, StrCat("steps_begin ", steps_begin, "; expected at most the first of ",
                          "step_reads, ", reads.front()));
  }
  if (std::ranges::any_of(ids, [](TokenId id) { return id < 0; })) {
    Invalid(where, "negative id; expected token ids");
  }
  int64_t last = -1;
  for (const int32_t read : reads) {
    if (read <= last || static_cast<size_t>(read) >= ids.size()) {
      Invalid(where, StrCat("step_reads has ", read, " after ", last,
                            "; expected rising indices below ", ids.size()));
    }
    last = read;
  }
  CheckScores(test.scores, where);
}

void ParseProvenance(const JsonFields& fields, PrmJson* prm) {
  fields.RefuseOthers({"base_model", "training_data", "training_options"});
  prm->base_model = fields.String("base_model");
  const json& sources = fields.Array("training_data");
  for (size_t i = 0; i < sources.size(); ++i) {
    const JsonFields source(sources[i], StrCat(fields.where(), ": training_data[", i, "]"));
    source.RefuseOthers({"name", "sha256"});
    prm->training_data.push_back({source.String("name"), source.String("sha256")});
    const DataSource& last = prm->training_data.back();
    CheckSha256(last.sha256, StrCat("training data '", last.name, "'"), fields.where());
  }
  if (!fields.Has("training_options")) return;
  fields.Object("training_options");
  prm->training_options_json = fields.Find("training_options")->dump();
}

bool IsNumbers(const json& row) {
  return row.is_array() && std::ranges::all_of(row, [](const json& p) { return p.is_number(); });
}

SelfTest ParseSelfTest(const JsonFields& fields) {
  fields.RefuseOthers({"ids", "step_reads", "steps_begin", "p_correct", "label_probs"});
  SelfTest test;
  test.tokens.ids = fields.Ints("ids", 0, kMaxId);
  test.tokens.step_reads = fields.Ints("step_reads", 0, kMaxId);
  test.tokens.steps_begin = static_cast<int32_t>(fields.Int("steps_begin", 0, kMaxId));
  const json& p_correct = fields.Array("p_correct");
  if (!IsNumbers(p_correct)) fields.Fail("p_correct", "probabilities");
  test.scores.p_correct = p_correct.get<std::vector<float>>();
  if (!fields.Has("label_probs")) return test;
  for (const json& row : fields.Array("label_probs")) {
    if (!IsNumbers(row) || row.size() != kNumLabels) {
      fields.Fail("label_probs", StrCat("rows of ", kNumLabels, " probabilities"));
    }
    test.scores.label_probs.push_back(row.get<LabelProbs>());
  }
  return test;
}

void ParseSelfTests(const JsonFields& fields, PrmJson* prm) {
  prm->self_test_dtype = fields.String("self_test_dtype");
  if (prm->self_test_dtype != "float32" && prm->self_test_dtype != "bfloat16") {
    fields.Fail("self_test_dtype", "float32 or bfloat16");
  }
  const json& tests = fields.Array("self_tests");
  for (size_t i = 0; i < tests.size(); ++i) {
    const std::string where = StrCat(fields.where(), ": self_tests[", i, "]");
    prm->self_tests.push_back(ParseSelfTest(JsonFields(tests[i], where)));
    CheckSelfTest(prm->self_tests.back(), prm->max_tokens, where);
  }
}

bool IsTrainingState(std::string_view file) {
  return file == "trainer.json" || file == "optimizer.safetensors";
}

FileSums ParseFiles(const JsonFields& fields, const json& files) {
  FileSums sums;
  for (const auto& item : files.items()) {
    const std::filesystem::path name(item.key());
    if (name.empty() || name.is_absolute() || name.lexically_normal().string() != item.key() ||
        *name.begin() == "..") {
      Invalid(fields.where(), StrCat("file \"", item.key(), "\"; expected one in the folder"));
    }
    sums[item.key()] = fields.String(item.key());
    CheckSha256(sums[item.key()], StrCat("file '", item.key(), "'"), fields.where());
  }
  return sums;
}

ordered_json SelfTestJson(const SelfTest& test) {
  ordered_json out = {{"ids", test.tokens.ids},
                      {"step_reads", test.tokens.step_reads},
                      {"steps_begin", test.tokens.steps_begin},
                      {"p_correct", test.scores.p_correct}};
  if (!test.scores.label_probs.empty()) out["label_probs"] = test.scores.label_probs;
  return out;
}

ordered_json ProvenanceJson(const PrmJson& prm) {
  ordered_json sources = ordered_json::array();
  for (const DataSource& source : prm.training_data) {
    sources.push_back({{"name", source.name}, {"sha256", source.sha256}});
  }
  ordered_json provenance = {{"base_model", prm.base_model}, {"training_data", sources}};
  if (!prm.training_options_json.empty()) {
    const json options = ParseJson(prm.training_options_json, "training options");
    (void)JsonFields(options, "training options");  // checks that it is an object
    provenance["training_options"] = options;
  }
  return provenance;
}

// The sum of all fields except itself, whatever their order and white space.
std::string OwnSum(json document) {
  document.erase("sha256");
  Sha256 sha256;
  sha256.Add(document.dump());
  return sha256.TakeHex();
}

void CheckOwnSum(const JsonFields& fields, const json& document) {
  if (!fields.Has("sha256") || fields.String("sha256") == OwnSum(document)) return;
  throw Error(ErrorCode::kDataLoss,
              StrCat(fields.where(),
                     ": changed since it was written: field 'sha256' is not the sum of the others; "
                     "expected an intact copy (after an edit, remove that field)"));
}

}  // namespace

PrmJson ParsePrmJson(std::string_view text, std::string_view where) {
  const json document = ParseJson(text, where);
  const JsonFields fields(document, std::string(where));
  PrmJson prm;
  // Checked first: another version may have other fields.
  prm.version = static_cast<int>(fields.Int("version", 1, kMaxId));
  if (prm.version != kVersion) {
    throw Error(ErrorCode::kUnimplemented, StrCat(where, ": field 'version' is ", prm.version,
                                                  "; this program reads ", kVersion));
  }
  fields.RefuseOthers({"version", "format", "head", "label_policy", "threshold", "max_tokens",
                       "provenance", "self_test_dtype", "self_tests", "files", "sha256"});
  static_cast<ScoringFormat&>(prm) = ParseScoringFormat(fields);
  prm.max_tokens = static_cast<int>(fields.Int("max_tokens", 1, kMaxTokens));
  ParseProvenance(fields.Object("provenance"), &prm);
  ParseSelfTests(fields, &prm);
  if (fields.Has("files")) prm.files = ParseFiles(fields.Object("files"), *fields.Find("files"));
  CheckOwnSum(fields, document);
  return prm;
}

PrmJson ReadPrmJson(const std::filesystem::path& file) {
  return ParsePrmJson(ReadJsonText(file), file.string());
}

std::string WritePrmJson(const PrmJson& prm) {
  ordered_json tests = ordered_json::array();
  for (const SelfTest& test : prm.self_tests) tests.push_back(SelfTestJson(test));
  ordered_json out = {{"version", prm.version}};
  WriteScoringFormat(prm, &out);
  out["max_tokens"] = prm.max_tokens;
  out["provenance"] = ProvenanceJson(prm);
  out["self_test_dtype"] = prm.self_test_dtype;
  out["self_tests"] = tests;
  if (!prm.files.empty()) out["files"] = prm.files;
  out["sha256"] = OwnSum(json(out));
  std::string text = out.dump(1) + "\n";
  ParsePrmJson(text, "prm.json");
  return text;
}

FileSums TrainingFiles(const PrmJson& prm) {
  FileSums files = prm.files;
  std::erase_if(files, [](const auto& file) { return !IsTrainingState(file.first); });
  return files;
}

FileSums ModelFiles(const PrmJson& prm) {
  FileSums files = prm.files;
  std::erase_if(files, [](const auto& file) { return IsTrainingState(file.first); });
  return files;
}

std::string DescribeSums(const PrmJson& prm, bool verified) {
  if (prm.files.empty()) return "without sums in prm.json: damage would not be noticed";
  return StrCat(prm.files.size(),
                verified ? ", matching their sums in prm.json" : ", not compared with their sums");
}

std::vector<std::filesystem::path> CheckpointFiles(const std::filesystem::path& folder) {
  if (folder.empty()) return {};
  std::vector<std::filesystem::path> files = {folder / "prm.json"};
  try {
    for (const auto& [name, sum] : ReadPrmJson(files[0]).files) files.push_back(folder / name);
  } catch (const Error&) {
    // Whoever loads it reports why.
  }
  return files;
}

void CommitCheckpoint(PrmJson prm, CheckpointWriter* writer) {
  prm.files = SumFiles(writer->folder());
  writer->WriteFile("prm.json", WritePrmJson(prm));
  writer->Commit();
}

}  // namespace prm
