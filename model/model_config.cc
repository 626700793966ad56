#include "model/model_config.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "model/json_fields.h"
#include "model/mapped_file.h"

namespace prm {
namespace {

using nlohmann::json;

// Above the largest published decoders, small enough that no product of two overflows an int64.
constexpr int kMaxWidth = 1 << 18;
constexpr int kMaxLayers = 1 << 12;
constexpr int kMaxHeads = 1 << 12;
constexpr int kMaxHeadDim = 1 << 12;
constexpr int kMaxVocab = 1 << 24;
constexpr int kMaxPositions = 1 << 28;
constexpr double kMaxEps = 0.1;
constexpr double kMaxTheta = 1e12;

constexpr std::string_view kArchitecture = "LlamaForCausalLM";
constexpr std::string_view kRotaryLayoutKey = "prm_rotary_layout";

[[noreturn]] void Invalid(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, StrCat(where, ": ", what));
}

[[noreturn]] void Unsupported(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::kUnimplemented, StrCat(where, ": ", what));
}

void CheckRange(std::string_view where, std::string_view field, double value, double min,
                double max) {
  if (value >= min && value <= max) return;
  Invalid(where, StrCat(field, " is ", value, "; expected a value in [", min, ", ", max, "]"));
}

void CheckArchitecture(const JsonFields& fields) {
  const json& names = fields.Array("architectures");
  const bool llama = names.size() == 1 && names[0] == kArchitecture;
  if (!llama) {
    Unsupported(fields.where(), StrCat("architectures ", names.dump(),
                                       " is not supported; expected [\"", kArchitecture, "\"]"));
  }
  if (fields.Has("model_type") && fields.String("model_type") != "llama") {
    Unsupported(fields.where(), StrCat("model_type \"", fields.String("model_type"),
                                       "\" is not supported; expected \"llama\""));
  }
}

void CheckUnsupportedParts(const JsonFields& fields) {
  if (fields.Has("hidden_act") && fields.String("hidden_act") != "silu") {
    Unsupported(fields.where(), StrCat("hidden_act \"", fields.String("hidden_act"),
                                       "\" is not supported; expected \"silu\""));
  }
  for (const std::string_view key : {"attention_bias", "mlp_bias"}) {
    if (fields.Bool(key, false)) {
      Unsupported(fields.where(), StrCat(key, " true is not supported; expected false"));
    }
  }
  if (fields.Has("quantization_config")) {
    Unsupported(fields.where(), "quantization_config is not supported; expected float weights");
  }
}

// transformers before 5 writes rope_theta and rope_scaling, since 5 both in rope_parameters.
double RopeTheta(const JsonFields& fields) {
  for (const std::string_view key : {"rope_scaling", "rope_parameters"}) {
    if (!fields.Has(key)) continue;
    const JsonFields rope = fields.Object(key);
    const std::string_view type_key = rope.Has("rope_type") ? "rope_type" : "type";
    const std::string type = rope.Has(type_key) ? rope.String(type_key) : "default";
    if (type != "default") {
      Unsupported(fields.where(),
                  StrCat(key, " of type \"", type, "\" is not supported; expected \"default\""));
    }
    if (rope.Has("rope_theta")) return rope.Number("rope_theta", 1.0, kMaxTheta);
  }
  return fields.Number("rope_theta", 1.0, kMaxTheta, ModelConfig{}.rope_theta);
}

RotaryLayout Layout(const JsonFields& fields) {
  if (!fields.Has(kRotaryLayoutKey)) return RotaryLayout::kHalf;
  const std::string name = fields.String(kRotaryLayoutKey);
  if (name == "half") return RotaryLayout::kHalf;
  if (name == "interleaved") return RotaryLayout::kInterleaved;
  fields.Fail(kRotaryLayoutKey, "\"half\" or \"interleaved\"");
}

// transformers allows one id or several; the first of several is the token itself.
std::optional<int> SpecialToken(const JsonFields& fields, std::string_view key) {
  const json* value = fields.Find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) return static_cast<int>(fields.Int(key, 0, kMaxVocab));
  const std::vector<int32_t> ids = fields.Ints(key, 0, kMaxVocab);
  if (ids.empty()) return std::nullopt;
  return ids.front();
}

void CheckToken(std::string_view where, std::string_view field, std::optional<int> id,
                int vocab_size) {
  if (id && (*id < 0 || *id >= vocab_size)) {
    Invalid(where, StrCat(field, " is ", *id, "; expected an id below vocab_size ", vocab_size));
  }
}

}  // namespace

void CheckConfig(const ModelConfig& config, std::string_view where) {
  if (config.architecture != kArchitecture) {
    Unsupported(where, StrCat("architecture \"", config.architecture,
                              "\" is not supported; expected \"", kArchitecture, "\""));
  }
  CheckRange(where, "hidden_size", config.hidden_size, 1, kMaxWidth);
  CheckRange(where, "intermediate_size", config.intermediate_size, 1, kMaxWidth * 8);
  CheckRange(where, "num_hidden_layers", config.num_layers, 1, kMaxLayers);
  CheckRange(where, "num_attention_heads", config.num_heads, 1, kMaxHeads);
  CheckRange(where, "num_key_value_heads", config.num_kv_heads, 1, kMaxHeads);
  CheckRange(where, "head_dim", config.head_dim, 2, kMaxHeadDim);
  CheckRange(where, "vocab_size", config.vocab_size, 1, kMaxVocab);
  CheckRange(where, "max_position_embeddings", config.max_position_embeddings, 1, kMaxPositions);
  CheckRange(where, "rms_norm_eps", config.rms_norm_eps, 0, kMaxEps);
  CheckRange(where, "rope_theta", config.rope_theta, 1, kMaxTheta);
  if (config.num_heads % config.num_kv_heads != 0) {
    Invalid(where, StrCat("num_attention_heads ", config.num_heads,
                          " is not a multiple of num_key_value_heads ", config.num_kv_heads));
  }
  if (config.head_dim % 2 != 0) {
    Invalid(where, StrCat("head_dim is ", config.head_dim, "; expected an even number"));
  }
  CheckToken(where, "bos_token_id", config.bos_token_id, config.vocab_size);
  CheckToken(where, "eos_token_id", config.eos_token_id, config.vocab_size);
}

ModelConfig ParseConfigJson(std::string_view text, std::string_view where) {
  const json document = ParseJson(text, where);
  const JsonFields fields(document, std::string(where));
  CheckArchitecture(fields);
  CheckUnsupportedParts(fields);
  const auto whole = [&](std::string_view key, int max) {
    return static_cast<int>(fields.Int(key, 1, max));
  };
  ModelConfig config;
  config.hidden_size = whole("hidden_size", kMaxWidth);
  config.intermediate_size = whole("intermediate_size", kMaxWidth * 8);
  config.num_layers = whole("num_hidden_layers", kMaxLayers);
  config.num_heads = whole("num_attention_heads", kMaxHeads);
  config.num_kv_heads =
      static_cast<int>(fields.Int("num_key_value_heads", 1, kMaxHeads, config.num_heads));
  if (!fields.Has("head_dim") && config.hidden_size % config.num_heads != 0) {
    Invalid(where, StrCat("hidden_size ", config.hidden_size, " is not a multiple of ",
                          "num_attention_heads ", config.num_heads, " and head_dim is not given"));
  }
  config.head_dim = static_cast<int>(
      fields.Int("head_dim", 2, kMaxHeadDim, config.hidden_size / config.num_heads));
  config.vocab_size = whole("vocab_size", kMaxVocab);
  config.max_position_embeddings = static_cast<int>(fields.Int(
      "max_position_embeddings", 1, kMaxPositions, ModelConfig{}.max_position_embeddings));
  config.rms_norm_eps = fields.Number("rms_norm_eps", 0, kMaxEps, ModelConfig{}.rms_norm_eps);
  config.rope_theta = RopeTheta(fields);
  config.tie_word_embeddings = fields.Bool("tie_word_embeddings", false);
  config.rotary_layout = Layout(fields);
  config.bos_token_id = SpecialToken(fields, "bos_token_id");
  config.eos_token_id = SpecialToken(fields, "eos_token_id");
  CheckConfig(config, where);
  return config;
}

ModelConfig ReadConfigJson(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  const auto bytes = mapped.bytes();
  return ParseConfigJson({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                         file.string());
}

std::string WriteConfigJson(const ModelConfig& config) {
  CheckConfig(config, "config.json");
  nlohmann::ordered_json out = {
      {"architectures", {config.architecture}},
      {"model_type", "llama"},
      {"hidden_size", config.hidden_size},
      {"intermediate_size", config.intermediate_size},
      {"num_hidden_layers", config.num_layers},
      {"num_attention_heads", config.num_heads},
      {"num_key_value_heads", config.num_kv_heads},
      {"head_dim", config.head_dim},
      {"vocab_size", config.vocab_size},
      {"max_position_embeddings", config.max_position_embeddings},
      {"hidden_act", "silu"},
      {"rms_norm_eps", config.rms_norm_eps},
      {"rope_theta", config.rope_theta},
      {"attention_bias", false},
      {"mlp_bias", false},
      {"tie_word_embeddings", config.tie_word_embeddings},
  };
  if (config.rotary_layout == RotaryLayout::kInterleaved) out[kRotaryLayoutKey] = "interleaved";
  if (config.bos_token_id) out["bos_token_id"] = *config.bos_token_id;
  if (config.eos_token_id) out["eos_token_id"] = *config.eos_token_id;
  return out.dump(2) + "\n";
}

}  // namespace prm
