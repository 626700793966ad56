#include "model/exchange/peft_config.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "model/config/json_fields.h"

namespace prm {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t kMaxRank = 1 << 20;
constexpr double kMaxAlpha = 1e9;

// Each adds more to the low-rank product, or changes what it is added to.
constexpr std::array kNotMerged = {
    "layer_replication", "target_parameters", "trainable_token_indices", "use_qalora",
    "use_bdlora",        "arrow_config",      "alora_invocation_tokens", "kasa_config",
    "velora_config",     "monteclora_config",
};

std::string ErrorText(int error) {
  std::array<PCRE2_UCHAR, 256> text;
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

// Python's re.match("(.*\.)?(KEY)$", path).
std::function<bool(std::string_view)> Matcher(const std::string& key, const JsonFields& patterns) {
  const std::string regex = "(.*\\.)?(" + key + ")$";
  int error;
  PCRE2_SIZE offset;
  const std::shared_ptr<pcre2_code> code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &error, &offset, nullptr),
      &pcre2_code_free);
  if (!code) {
    throw Error(
        ErrorCode::kInvalidArgument,
        StrCat(patterns.where(), ": '", key, "' is not a regular expression: ", ErrorText(error)));
  }
  return [code, where = StrCat(patterns.where(), ": '", key, "'")](std::string_view path) {
    const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
        pcre2_match_data_create_from_pattern(code.get(), nullptr), &pcre2_match_data_free);
    const int count = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(path.data()),
                                  path.size(), 0, 0, data.get(), nullptr);
    if (count < 0 && count != PCRE2_ERROR_NOMATCH) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat(where, " fails on module ", path, ": ", ErrorText(count)));
    }
    return count >= 0;
  };
}

// `ordered` is the same document with fields in file order.
template <class Value>
std::vector<PatternOverride> ReadPatterns(const JsonFields& fields, const ordered_json& ordered,
                                          const char* field, Value value) {
  std::vector<PatternOverride> patterns;
  if (!fields.Has(field)) return patterns;
  const JsonFields entries = fields.Object(field);
  for (const auto& item : ordered.at(field).items()) {
    patterns.push_back({Matcher(item.key(), entries), value(entries, item.key())});
  }
  return patterns;
}

// Kinds of initialisation that do not change the base.
void CheckInitialisation(const JsonFields& fields) {
  const json* kind = fields.Find("init_lora_weights");
  if (kind == nullptr || kind->is_boolean() || *kind == "gaussian" || *kind == "orthogonal") return;
  throw Error(ErrorCode::kUnimplemented,
              StrCat(fields.where(), ": init_lora_weights ", kind->dump(),
                     " changes the base's weights, or is more than a low-rank "
                     "product; expected true, false, \"gaussian\" or \"orthogonal\" (peft converts "
                     "an adapter by save_pretrained's path_initial_model_for_weight_conversion)"));
}

// Whether a field is present and neither false nor empty.
bool IsSet(const json* value) {
  return value != nullptr && *value != false && !(value->is_structured() && value->empty());
}

void CheckKind(const JsonFields& fields) {
  const std::string type = fields.String("peft_type");
  if (type != "LORA") {
    throw Error(ErrorCode::kUnimplemented,
                StrCat(fields.where(), ": peft_type '", type, "' is not supported; expected LORA"));
  }
  for (const char* field : kNotMerged) {
    if (!IsSet(fields.Find(field))) continue;
    throw Error(ErrorCode::kUnimplemented,
                StrCat(fields.where(), ": ", field, " is not supported; expected an adapter ",
                       "without it"));
  }
  CheckInitialisation(fields);
}

std::vector<std::string> ReadModulesToSave(const JsonFields& fields) {
  constexpr const char* kField = "modules_to_save";
  if (!fields.Has(kField)) return {};
  const json& names = fields.Array(kField);
  if (!std::ranges::all_of(names, [](const json& name) { return name.is_string(); })) {
    fields.Fail(kField, "an array of strings");
  }
  return names.get<std::vector<std::string>>();
}

double FirstMatch(const std::vector<PatternOverride>& patterns, std::string_view module,
                  double fallback) {
  const auto found =
      std::ranges::find_if(patterns, [&](const PatternOverride& p) { return p.matches(module); });
  return found == patterns.end() ? fallback : found->value;
}

}  // namespace

int64_t AdapterConfig::RankOf(std::string_view module) const {
  return int64_t(FirstMatch(rank_pattern, module, double(rank)));
}

double AdapterConfig::ScalingOf(std::string_view module) const {
  const double rank_of = double(RankOf(module));
  return FirstMatch(alpha_pattern, module, alpha) / (use_rslora ? std::sqrt(rank_of) : rank_of);
}

bool AdapterConfig::IsSaved(std::string_view tensor) const {
  return std::ranges::any_of(modules_to_save, [&](const std::string& module) {
    return tensor.find(module + ".") != tensor.npos;
  });
}

AdapterConfig ReadAdapterConfig(const std::filesystem::path& file) {
  const std::string text = ReadJsonText(file);
  const json document = ParseJson(text, file.string());
  const JsonFields fields(document, file.string());
  CheckKind(fields);
  const ordered_json ordered = ordered_json::parse(text);
  AdapterConfig config;
  config.rank = fields.Int("r", 1, kMaxRank, config.rank);
  config.alpha = fields.Number("lora_alpha", -kMaxAlpha, kMaxAlpha, config.alpha);
  config.rank_pattern = ReadPatterns(
      fields, ordered, "rank_pattern",
      [](const JsonFields& f, const std::string& key) { return double(f.Int(key, 1, kMaxRank)); });
  config.alpha_pattern = ReadPatterns(
      fields, ordered, "alpha_pattern",
      [](const JsonFields& f, const std::string& k) { return f.Number(k, -kMaxAlpha, kMaxAlpha); });
  config.use_rslora = fields.Bool("use_rslora", false);
  config.fan_in_fan_out = fields.Bool("fan_in_fan_out", false);
  config.use_dora = fields.Bool("use_dora", false);
  config.lora_bias = fields.Bool("lora_bias", false);
  config.modules_to_save = ReadModulesToSave(fields);
  return config;
}

}  // namespace prm
