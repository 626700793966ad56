#include "model/prm_json.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "data/error.h"
#include "model/json_fields.h"
#include "model/mapped_file.h"

namespace prm {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr int kMaxTokens = 1 << 28;
constexpr TokenId kMaxId = std::numeric_limits<TokenId>::max();
constexpr double kProbabilitySumTolerance = 1e-3;
constexpr size_t kSha256Digits = 64;

[[noreturn]] void Invalid(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, StrCat(where, ": ", what));
}

std::string Joined(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

void CheckChoice(std::string_view where, std::string_view field, std::string_view value,
                 const std::vector<std::string_view>& choices,
                 ErrorCode code = ErrorCode::kInvalidArgument) {
  if (std::ranges::find(choices, value) != choices.end()) return;
  throw Error(code, StrCat(where, ": field '", field, "' is \"", value, "\"; expected ",
                           choices.size() > 1 ? "one of " : "", Joined(choices)));
}

void CheckPolicy(const LabelPolicy& policy, std::string_view where) {
  CheckChoice(where, "label_policy.redundant", policy.redundant,
              {"positive", "negative", "masked", "own_class"});
  CheckChoice(where, "label_policy.incomplete", policy.incomplete,
              {"own_class", "masked", "negative"});
  CheckChoice(where, "label_policy.after_first_error", policy.after_first_error,
              {"masked", "negative"});
  CheckChoice(where, "label_policy.unlabelled", policy.unlabelled, {"masked"});
}

void CheckDataSource(const DataSource& source, std::string_view where) {
  const bool good = source.sha256.size() == kSha256Digits &&
                    source.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!good) {
    Invalid(where, StrCat("sha256 of training data '", source.name, "' is \"", source.sha256,
                          "\"; expected 64 lower-case hexadecimal digits"));
  }
}

void CheckProbabilities(const LabelProbs& probs, const std::string& where) {
  double sum = 0;
  for (const float p : probs) {
    if (!(p >= 0 && p <= 1)) Invalid(where, StrCat("probability ", p, "; expected [0, 1]"));
    sum += p;
  }
  if (std::abs(sum - 1) > kProbabilitySumTolerance) {
    Invalid(where, StrCat("probabilities sum to ", sum, "; expected 1"));
  }
}

void CheckSelfTest(const SelfTest& test, int max_tokens, const std::string& where) {
  const auto& [ids, reads] = test.tokens;
  if (reads.empty() || reads.size() != test.label_probs.size()) {
    Invalid(where, StrCat(reads.size(), " step_reads and ", test.label_probs.size(),
                          " label_probs; expected as many of each, at least one"));
  }
  if (ids.size() > static_cast<size_t>(max_tokens)) {
    Invalid(where, StrCat(ids.size(), " ids; expected at most max_tokens ", max_tokens));
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
  for (const LabelProbs& probs : test.label_probs) CheckProbabilities(probs, where);
}

void CheckFormat(const StepFormat& format, std::string_view where) {
  if (format.separator_ids.empty()) {
    Invalid(where, "field 'format.separator_ids' is empty; expected at least one id");
  }
  for (const auto* ids : {&format.prefix_ids, &format.problem_suffix_ids, &format.separator_ids}) {
    if (std::ranges::any_of(*ids, [](TokenId id) { return id < 0; })) {
      Invalid(where, "field 'format' has a negative id; expected token ids");
    }
  }
}

void CheckLabels(const std::vector<std::string>& labels, std::string_view where) {
  if (std::ranges::equal(labels, kLabelNames)) return;
  const std::vector<std::string_view> read(labels.begin(), labels.end());
  throw Error(ErrorCode::kUnimplemented,
              StrCat(where, ": field 'labels' is [", Joined(read), "]; expected [",
                     Joined({kLabelNames.begin(), kLabelNames.end()}), "]"));
}

void Check(const PrmJson& prm, std::string_view where) {
  if (prm.version != kVersion) {
    throw Error(ErrorCode::kUnimplemented, StrCat(where, ": field 'version' is ", prm.version,
                                                  "; this program reads ", kVersion));
  }
  CheckFormat(prm.format, where);
  CheckChoice(where, "read", prm.read, {"separator"}, ErrorCode::kUnimplemented);
  CheckChoice(where, "head", prm.head, {"linear"}, ErrorCode::kUnimplemented);
  CheckLabels(prm.labels, where);
  if (!(prm.threshold >= 0 && prm.threshold <= 1)) {
    Invalid(where, StrCat("field 'threshold' is ", prm.threshold, "; expected [0, 1]"));
  }
  if (prm.max_tokens < 1 || prm.max_tokens > kMaxTokens) {
    Invalid(where,
            StrCat("field 'max_tokens' is ", prm.max_tokens, "; expected [1, ", kMaxTokens, "]"));
  }
  CheckPolicy(prm.label_policy, where);
  for (const DataSource& source : prm.training_data) CheckDataSource(source, where);
  for (size_t i = 0; i < prm.self_tests.size(); ++i) {
    CheckSelfTest(prm.self_tests[i], prm.max_tokens, StrCat(where, ": self_tests[", i, "]"));
  }
}

StepFormat ParseFormat(const JsonFields& fields) {
  fields.RefuseOthers({"prefix_ids", "problem_suffix_ids", "separator_ids"});
  return {.prefix_ids = fields.Ints("prefix_ids", 0, kMaxId),
          .problem_suffix_ids = fields.Ints("problem_suffix_ids", 0, kMaxId),
          .separator_ids = fields.Ints("separator_ids", 0, kMaxId)};
}

LabelPolicy ParsePolicy(const JsonFields& fields) {
  fields.RefuseOthers({"redundant", "incomplete", "after_first_error", "unlabelled"});
  return {.redundant = fields.String("redundant"),
          .incomplete = fields.String("incomplete"),
          .after_first_error = fields.String("after_first_error"),
          .unlabelled = fields.String("unlabelled")};
}

void ParseProvenance(const JsonFields& fields, PrmJson* prm) {
  fields.RefuseOthers({"base_model", "training_data", "training_options"});
  prm->base_model = fields.String("base_model");
  const json& sources = fields.Array("training_data");
  for (size_t i = 0; i < sources.size(); ++i) {
    const JsonFields source(sources[i], StrCat(fields.where(), ": training_data[", i, "]"));
    source.RefuseOthers({"name", "sha256"});
    prm->training_data.push_back({source.String("name"), source.String("sha256")});
  }
  if (!fields.Has("training_options")) return;
  fields.Object("training_options");
  prm->training_options_json = fields.Find("training_options")->dump();
}

std::vector<std::string> ParseLabels(const JsonFields& fields) {
  const json& labels = fields.Array("labels");
  if (!std::ranges::all_of(labels, [](const json& name) { return name.is_string(); })) {
    fields.Fail("labels", "an array of label names");
  }
  return labels.get<std::vector<std::string>>();
}

SelfTest ParseSelfTest(const JsonFields& fields) {
  fields.RefuseOthers({"ids", "step_reads", "label_probs"});
  SelfTest test;
  test.tokens.ids = fields.Ints("ids", 0, kMaxId);
  test.tokens.step_reads = fields.Ints("step_reads", 0, kMaxId);
  for (const json& row : fields.Array("label_probs")) {
    const bool good = row.is_array() && row.size() == kNumLabels &&
                      std::ranges::all_of(row, [](const json& p) { return p.is_number(); });
    if (!good) fields.Fail("label_probs", StrCat("rows of ", kNumLabels, " probabilities"));
    test.label_probs.push_back(row.get<LabelProbs>());
  }
  return test;
}

ordered_json SelfTestJson(const SelfTest& test) {
  return {{"ids", test.tokens.ids},
          {"step_reads", test.tokens.step_reads},
          {"label_probs", test.label_probs}};
}

ordered_json ProvenanceJson(const PrmJson& prm) {
  ordered_json sources = ordered_json::array();
  for (const DataSource& source : prm.training_data) {
    sources.push_back({{"name", source.name}, {"sha256", source.sha256}});
  }
  ordered_json provenance = {{"base_model", prm.base_model}, {"training_data", sources}};
  if (!prm.training_options_json.empty()) {
    const json options = ParseJson(prm.training_options_json, "training options");
    JsonFields(options, "training options");
    provenance["training_options"] = options;
  }
  return provenance;
}

}  // namespace

std::string LabelPolicyString(const LabelPolicy& policy) {
  return StrCat("redundant=", policy.redundant, ", incomplete=", policy.incomplete,
                ", after_first_error=", policy.after_first_error,
                ", unlabelled=", policy.unlabelled);
}

PrmJson ParsePrmJson(std::string_view text, std::string_view where) {
  const json document = ParseJson(text, where);
  const JsonFields fields(document, std::string(where));
  PrmJson prm;
  // First: another version may have other fields.
  prm.version = static_cast<int>(fields.Int("version", 1, kMaxId));
  if (prm.version != kVersion) Check(prm, where);
  fields.RefuseOthers({"version", "format", "read", "head", "labels", "threshold", "max_tokens",
                       "label_policy", "provenance", "self_tests"});
  prm.format = ParseFormat(fields.Object("format"));
  prm.read = fields.String("read");
  prm.head = fields.String("head");
  prm.labels = ParseLabels(fields);
  prm.threshold = fields.Number("threshold", 0, 1);
  prm.max_tokens = static_cast<int>(fields.Int("max_tokens", 1, kMaxTokens));
  prm.label_policy = ParsePolicy(fields.Object("label_policy"));
  ParseProvenance(fields.Object("provenance"), &prm);
  const json& tests = fields.Array("self_tests");
  for (size_t i = 0; i < tests.size(); ++i) {
    prm.self_tests.push_back(
        ParseSelfTest(JsonFields(tests[i], StrCat(where, ": self_tests[", i, "]"))));
  }
  Check(prm, where);
  return prm;
}

PrmJson ReadPrmJson(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  const auto bytes = mapped.bytes();
  return ParsePrmJson({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file.string());
}

std::string WritePrmJson(const PrmJson& prm) {
  Check(prm, "prm.json");
  ordered_json tests = ordered_json::array();
  for (const SelfTest& test : prm.self_tests) tests.push_back(SelfTestJson(test));
  const ordered_json out = {
      {"version", prm.version},
      {"format",
       {{"prefix_ids", prm.format.prefix_ids},
        {"problem_suffix_ids", prm.format.problem_suffix_ids},
        {"separator_ids", prm.format.separator_ids}}},
      {"read", prm.read},
      {"head", prm.head},
      {"labels", prm.labels},
      {"threshold", prm.threshold},
      {"max_tokens", prm.max_tokens},
      {"label_policy",
       {{"redundant", prm.label_policy.redundant},
        {"incomplete", prm.label_policy.incomplete},
        {"after_first_error", prm.label_policy.after_first_error},
        {"unlabelled", prm.label_policy.unlabelled}}},
      {"provenance", ProvenanceJson(prm)},
      {"self_tests", tests},
  };
  return out.dump(1) + "\n";
}

}  // namespace prm
