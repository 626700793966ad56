#include "model/config/config_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "model/config/families.h"
#include "model/config/json_fields.h"
#include "model/config/rope.h"

namespace prm {
namespace {

using nlohmann::json;

// Above the largest published decoders; the product of any two still fits an int64.
constexpr int kMaxWidth = 1 << 18;
constexpr int kMaxLayers = 1 << 12;
constexpr int kMaxHeads = 1 << 12;
constexpr int kMaxHeadDim = 1 << 12;
constexpr int kMaxVocab = 1 << 24;
constexpr double kMaxEps = 0.1;

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

// Determines the family from "model_type"; "architectures" must name a class of that family.
const Family& ReadFamily(const JsonFields& fields) {
  if (!fields.Has("architectures") && fields.Has("model_type")) {
    return FamilyOf(fields.String("model_type"), fields.where());
  }
  const json& names = fields.Array("architectures");
  const std::string name =
      names.size() == 1 && names[0].is_string() ? names[0].get<std::string>() : "";
  const auto is_class_of = [&](const Family& family) {
    return name.starts_with(StrCat(family.class_prefix, "For")) ||
           name == StrCat(family.class_prefix, "Model");
  };
  // A custom class with a step head, on the backbone named by model_type.
  if (name.starts_with("ReasonEval_") && fields.Has("model_type")) {
    return FamilyOf(fields.String("model_type"), fields.where());
  }
  const auto found = std::ranges::find_if(Families(), is_class_of);
  if (found == Families().end()) {
    std::string known;
    for (const Family& f : Families()) {
      known += StrCat(known.empty() ? "" : ", ", f.class_prefix, "ForCausalLM");
    }
    Unsupported(fields.where(), StrCat("architectures ", names.dump(),
                                       " is not supported; expected one of ", known));
  }
  if (!fields.Has("model_type")) return *found;
  const Family& family = FamilyOf(fields.String("model_type"), fields.where());
  if (is_class_of(family)) return family;
  Invalid(fields.where(), StrCat("model_type \"", family.model_type, "\" does not go with ",
                                 "architectures ", names.dump()));
}

void CheckUnsupportedParts(const JsonFields& fields) {
  if (fields.Has("quantization_config")) {
    Unsupported(fields.where(), "quantization_config is not supported; expected float weights");
  }
}

constexpr std::pair<std::string_view, Activation> kActivations[] = {
    {"silu", Activation::kSilu}, {"gelu_pytorch_tanh", Activation::kGeluTanh}};

Activation ReadActivation(const JsonFields& fields, const Family& family) {
  const std::string_view key = family.activation_key;
  const std::string name =
      fields.Has(key) ? fields.String(key) : std::string(family.default_activation);
  for (const auto& [known, activation] : kActivations) {
    if (name == known) return activation;
  }
  Unsupported(fields.where(), StrCat(key, " \"", name, "\" is not supported; expected \"silu\" or ",
                                     "\"gelu_pytorch_tanh\""));
}

RotaryLayout Layout(const JsonFields& fields) {
  if (!fields.Has(kRotaryLayoutKey)) return RotaryLayout::kHalf;
  const std::string name = fields.String(kRotaryLayoutKey);
  if (name == "half") return RotaryLayout::kHalf;
  if (name == "interleaved") return RotaryLayout::kInterleaved;
  fields.Fail(kRotaryLayoutKey, "\"half\" or \"interleaved\"");
}

// transformers allows one id or several; the first is the token itself.
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
  FamilyOf(config.model_type, where);
  CheckRange(where, "hidden_size", config.hidden_size, 1, kMaxWidth);
  CheckRange(where, "intermediate_size", config.intermediate_size, 1, kMaxWidth * 8);
  CheckRange(where, "num_hidden_layers", config.num_layers, 1, kMaxLayers);
  CheckRange(where, "num_attention_heads", config.num_heads, 1, kMaxHeads);
  CheckRange(where, "num_key_value_heads", config.num_kv_heads, 1, kMaxHeads);
  CheckRange(where, "head_dim", config.head_dim, 2, kMaxHeadDim);
  CheckRange(where, "vocab_size", config.vocab_size, 1, kMaxVocab);
  CheckRange(where, "max_position_embeddings", config.max_position_embeddings, 1, kMaxPositions);
  CheckRange(where, "rms_norm_eps", config.rms_norm_eps, 0, kMaxEps);
  CheckRope(config, where);
  CheckRange(where, "max_position_embeddings and the rope factor, the longest trace,",
             config.max_positions(), 1, kMaxPositions);
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
  const Family& family = ReadFamily(fields);
  CheckUnsupportedParts(fields);
  const auto whole = [&](std::string_view key, int max) {
    return static_cast<int>(fields.Int(key, 1, max));
  };
  ModelConfig config;
  config.model_type = family.model_type;
  config.hidden_size = whole("hidden_size", kMaxWidth);
  config.intermediate_size = whole("intermediate_size", kMaxWidth * 8);
  config.num_layers = whole("num_hidden_layers", kMaxLayers);
  config.num_heads = whole("num_attention_heads", kMaxHeads);
  const bool no_kv_heads = family.default_kv_heads == 0 || fields.IsNull("num_key_value_heads");
  config.num_kv_heads =
      static_cast<int>(fields.Int("num_key_value_heads", 1, kMaxHeads,
                                  no_kv_heads ? config.num_heads : family.default_kv_heads));
  const bool computed = family.default_head_dim == 0 && !fields.Has("head_dim");
  if (computed && config.hidden_size % config.num_heads != 0) {
    Invalid(where, StrCat("hidden_size ", config.hidden_size, " is not a multiple of ",
                          "num_attention_heads ", config.num_heads, " and head_dim is not given"));
  }
  config.head_dim = static_cast<int>(
      fields.Int("head_dim", 2, kMaxHeadDim,
                 computed ? config.hidden_size / config.num_heads : family.default_head_dim));
  config.vocab_size = whole("vocab_size", kMaxVocab);
  config.max_position_embeddings = static_cast<int>(fields.Int(
      "max_position_embeddings", 1, kMaxPositions, ModelConfig{}.max_position_embeddings));
  config.rms_norm_eps = fields.Number("rms_norm_eps", 0, kMaxEps, family.default_rms_norm_eps);
  ReadRope(fields, &config);
  config.tie_word_embeddings = fields.Bool("tie_word_embeddings", family.default_tie);
  config.activation = ReadActivation(fields, family);
  config.rotary_layout = Layout(fields);
  config.bos_token_id = SpecialToken(fields, "bos_token_id");
  config.eos_token_id = SpecialToken(fields, "eos_token_id");
  family.read(fields, &config);
  CheckConfig(config, where);
  return config;
}

ModelConfig ReadConfigJson(const std::filesystem::path& file) {
  return ParseConfigJson(ReadJsonText(file), file.string());
}

std::string WriteConfigJson(const ModelConfig& config) {
  CheckConfig(config, "config.json");
  const Family& family = FamilyOf(config.model_type, "config.json");
  nlohmann::ordered_json out = {
      {"architectures", {ArchitectureOf(config)}},
      {"model_type", config.model_type},
      {"hidden_size", config.hidden_size},
      {"intermediate_size", config.intermediate_size},
      {"num_hidden_layers", config.num_layers},
      {"num_attention_heads", config.num_heads},
      {"num_key_value_heads", config.num_kv_heads},
      {"head_dim", config.head_dim},
      {"vocab_size", config.vocab_size},
      {"max_position_embeddings", config.max_position_embeddings},
      {"rms_norm_eps", config.rms_norm_eps},
      {"tie_word_embeddings", config.tie_word_embeddings},
  };
  for (const auto& [name, activation] : kActivations) {
    if (activation == config.activation) out[family.activation_key] = name;
  }
  WriteRope(config, &out);
  family.write(config, &out);
  if (config.rotary_layout == RotaryLayout::kInterleaved) out[kRotaryLayoutKey] = "interleaved";
  // An omitted key would get transformers' default, which may not be a token of this vocabulary.
  const auto or_null = [](std::optional<int> id) {
    return id ? nlohmann::ordered_json(*id) : nlohmann::ordered_json(nullptr);
  };
  out["bos_token_id"] = or_null(config.bos_token_id);
  out["eos_token_id"] = or_null(config.eos_token_id);
  out["pad_token_id"] = nullptr;
  return out.dump(2) + "\n";
}

}  // namespace prm
