#include "model/config/scoring_json.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/error.h"
#include "model/config/json_fields.h"

namespace prm {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr TokenId kMaxId = std::numeric_limits<TokenId>::max();
constexpr std::string_view kBosName = "{bos}", kExpectedBosName = "{bos?}";
constexpr std::array<std::string_view, 2> kTwoClasses = {"correct", "wrong"};

std::string Joined(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

std::string Choice(const JsonFields& fields, std::string_view field,
                   std::initializer_list<std::string_view> choices) {
  std::string value = fields.String(field);
  if (std::ranges::find(choices, value) == choices.end()) {
    fields.Fail(field, "one of " + Joined({choices.begin(), choices.size()}));
  }
  return value;
}

LabelPolicyNames ParsePolicy(const JsonFields& fields) {
  fields.RefuseOthers({"redundant", "incomplete", "after_first_error", "unlabelled"});
  return {
      .redundant =
          Choice(fields, "redundant", {"positive", "negative", "masked", "own_class", "unknown"}),
      .incomplete = Choice(fields, "incomplete", {"own_class", "masked", "negative", "unknown"}),
      .after_first_error = Choice(fields, "after_first_error", {"masked", "negative", "unknown"}),
      .unlabelled = Choice(fields, "unlabelled", {"masked", "unknown"})};
}

// Parses one element of a list of tokens; nullopt for an optional BOS that is absent.
std::optional<TokenId> ParseToken(const JsonFields& fields, std::string_view field,
                                  const json& token, const TokenNames* names) {
  if (token.is_number_integer() && token >= 0 && token <= kMaxId) return token.get<TokenId>();
  if (!names || !token.is_string()) {
    fields.Fail(field, names ? "token ids, or tokens by name" : "token ids");
  }
  const Tokenizer& tokenizer = names->tokenizer;
  const std::string name = token.get<std::string>();
  if (name == kBosName || (name == kExpectedBosName && names->prepend_bos)) {
    return tokenizer.bos_id();
  }
  if (name == kExpectedBosName) return std::nullopt;
  if (const std::optional<TokenId> id = tokenizer.PieceToId(name)) return id;
  std::vector<TokenId> ids;
  tokenizer.Encode(name, SpecialTokens::kParse, &ids, TextStart::kContinues);
  throw Error(ErrorCode::kInvalidArgument,
              StrCat(fields.where(), ": field '", field, "' has the token ", token.dump(),
                     ", which this tokenizer writes as ", json(ids).dump(),
                     "; expected one token of its vocabulary"));
}

std::vector<TokenId> ParseTokens(const JsonFields& fields, std::string_view field,
                                 const json& tokens, const TokenNames* names) {
  std::vector<TokenId> ids;
  for (const json& token : tokens) {
    if (const auto id = ParseToken(fields, field, token, names)) ids.push_back(*id);
  }
  return ids;
}

std::vector<FormatPart> ParseParts(const JsonFields& fields, std::string_view field,
                                   const TokenNames* names) {
  std::vector<FormatPart> parts;
  if (!fields.Has(field)) return parts;
  for (const json& part : fields.Array(field)) {
    if (part.is_string()) {
      parts.push_back({.ids = {}, .text = part.get<std::string>()});
    } else if (part.is_array()) {
      parts.push_back({.ids = ParseTokens(fields, field, part, names), .text = ""});
      if (parts.back().ids.empty()) parts.pop_back();
    } else if (part.is_object() && part.size() == 1 && part.contains("alone") &&
               part["alone"].is_string()) {
      parts.push_back({.ids = {}, .text = part["alone"].get<std::string>(), .alone = true});
    } else {
      fields.Fail(field, "texts, lists of tokens and {\"alone\": text}");
    }
  }
  return parts;
}

ordered_json PartsJson(const std::vector<FormatPart>& parts) {
  ordered_json out = ordered_json::array();
  for (const FormatPart& part : parts) {
    if (!part.ids.empty()) {
      out.push_back(part.ids);
    } else if (part.alone) {
      out.push_back({{"alone", part.text}});
    } else {
      out.push_back(part.text);
    }
  }
  return out;
}

StepFormat ParseFormat(const JsonFields& fields, const TokenNames* names) {
  fields.RefuseOthers({"prompt", "step", "between", "by_line", "trim", "read_back"});
  return {.prompt = ParseParts(fields, "prompt", names),
          .step = ParseParts(fields, "step", names),
          .between = ParseParts(fields, "between", names),
          .by_line = fields.Bool("by_line", false),
          .trim = fields.Bool("trim", false),
          .read_back = int(fields.Int("read_back", 0, 1 << 10, 0))};
}

std::vector<std::string> ParseNames(const JsonFields& fields, std::string_view field) {
  const json& names = fields.Array(field);
  if (!std::ranges::all_of(names, [](const json& name) { return name.is_string(); })) {
    fields.Fail(field, "an array of names");
  }
  return names.get<std::vector<std::string>>();
}

void CheckLabels(const JsonFields& fields, const Head& head) {
  if (head.activation == Head::Activation::kSigmoid) {
    if (!head.labels.empty()) fields.Fail("labels", "no labels if the activation is sigmoid");
    return;
  }
  bool known = head.labels.size() >= 2 &&
               (head.outputs == Head::Outputs::kAll ||
                (head.outputs == Head::Outputs::kRows && head.rows.size() == head.labels.size()));
  bool correct = false, wrong = false;
  for (const std::string& label : head.labels) {
    known =
        known && (ParseLabel(label) || std::ranges::find(kTwoClasses, label) != kTwoClasses.end());
    (label.starts_with("correct") ? correct : wrong) = true;
  }
  if (known && correct && wrong) return;
  fields.Fail("labels", StrCat("one of ", Joined(kLabelNames), ", ", Joined(kTwoClasses),
                               " for each output, with correct and wrong ones among them"));
}

Head ParseHead(const JsonFields& fields, const TokenNames* names) {
  Head head;
  if (fields.Has("implicit")) {
    fields.RefuseOthers({"implicit"});
    const JsonFields implicit = fields.Object("implicit");
    implicit.RefuseOthers({"beta"});
    head.implicit_beta = implicit.Number("beta", 0, 1e6);
    head.layers = {};
    head.labels = {};
    head.activation = Head::Activation::kSigmoid;
    return head;
  }
  fields.RefuseOthers({"layers", "outputs", "activation", "labels", "unused"});
  head.layers = ParseNames(fields, "layers");
  if (head.layers.empty()) fields.Fail("layers", "the names of linear layers");
  if (const json* outputs = fields.Find("outputs"); outputs && *outputs == "mean") {
    head.outputs = Head::Outputs::kMean;
  } else if (outputs) {
    head.outputs = Head::Outputs::kRows;
    head.rows = ParseTokens(fields, "outputs", fields.Array("outputs"), names);
    if (head.rows.empty()) fields.Fail("outputs", "\"mean\" or the rows of the outputs");
  }
  const bool reads_lm_head = std::ranges::find(head.layers, "lm_head") != head.layers.end();
  if (reads_lm_head != (head.outputs != Head::Outputs::kAll) ||
      (reads_lm_head && head.layers.size() > 1)) {
    fields.Fail("outputs", "rows or \"mean\" if lm_head is the only layer, else no outputs");
  }
  head.activation = Choice(fields, "activation", {"softmax", "sigmoid"}) == "softmax"
                        ? Head::Activation::kSoftmax
                        : Head::Activation::kSigmoid;
  head.labels = fields.Has("labels") ? ParseNames(fields, "labels") : std::vector<std::string>();
  CheckLabels(fields, head);
  if (fields.Has("unused")) head.unused = ParseNames(fields, "unused");
  return head;
}

ordered_json HeadJson(const Head& head) {
  if (head.implicit_beta) return {{"implicit", {{"beta", *head.implicit_beta}}}};
  ordered_json out = {{"layers", head.layers}};
  if (head.outputs == Head::Outputs::kMean) out["outputs"] = "mean";
  if (head.outputs == Head::Outputs::kRows) out["outputs"] = head.rows;
  const bool softmax = head.activation == Head::Activation::kSoftmax;
  out["activation"] = softmax ? "softmax" : "sigmoid";
  if (softmax) out["labels"] = head.labels;
  if (!head.unused.empty()) out["unused"] = head.unused;
  return out;
}

}  // namespace

ScoringFormat ParseScoringFormat(const JsonFields& fields, const TokenNames* names) {
  ScoringFormat scoring;
  scoring.format = ParseFormat(fields.Object("format"), names);
  CheckStepFormat(scoring.format, fields.where());
  scoring.head = ParseHead(fields.Object("head"), names);
  const bool is_file = names != nullptr;  // a format file; a checkpoint states every field
  scoring.label_policy = is_file && !fields.Has("label_policy")
                             ? LabelPolicyNames{"unknown", "unknown", "unknown", "unknown"}
                             : ParsePolicy(fields.Object("label_policy"));
  scoring.threshold = is_file ? fields.Number("threshold", 0, 1, scoring.threshold)
                              : fields.Number("threshold", 0, 1);
  return scoring;
}

void WriteScoringFormat(const ScoringFormat& scoring, ordered_json* out) {
  ordered_json& json = *out;
  json["format"] = {{"prompt", PartsJson(scoring.format.prompt)},
                    {"step", PartsJson(scoring.format.step)},
                    {"between", PartsJson(scoring.format.between)},
                    {"by_line", scoring.format.by_line},
                    {"trim", scoring.format.trim},
                    {"read_back", scoring.format.read_back}};
  json["head"] = HeadJson(scoring.head);
  json["label_policy"] = {{"redundant", scoring.label_policy.redundant},
                          {"incomplete", scoring.label_policy.incomplete},
                          {"after_first_error", scoring.label_policy.after_first_error},
                          {"unlabelled", scoring.label_policy.unlabelled}};
  json["threshold"] = scoring.threshold;
}

}  // namespace prm
