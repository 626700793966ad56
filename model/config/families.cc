#include "model/config/families.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "model/config/json_fields.h"

namespace prm {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kMaxWindow = 1 << 28;
constexpr std::string_view kSliding = "sliding_attention", kFull = "full_attention";

// Returns `absent` if the key is missing; null means no window.
int Window(const JsonFields& fields, int absent) {
  if (fields.IsNull("sliding_window")) return 0;
  return int(fields.Int("sliding_window", 1, kMaxWindow, absent));
}

// Puts `window` on the layers that "layer_types" names, or on those for which slides(layer).
template <class Slides>
void SetWindows(const JsonFields& fields, int window, const Slides& slides, ModelConfig* config) {
  std::vector<bool> sliding;
  if (fields.Has("layer_types")) {
    const json& types = fields.Array("layer_types");
    for (const json& type : types) {
      if (type != kSliding && type != kFull) {
        fields.Fail("layer_types", StrCat("\"", kSliding, "\" or \"", kFull, "\" for each layer"));
      }
      sliding.push_back(type == kSliding);
    }
    if (int(sliding.size()) != config->num_layers) {
      fields.Fail("layer_types", StrCat(config->num_layers, " types, one per layer"));
    }
  } else {
    for (int l = 0; l < config->num_layers; ++l) sliding.push_back(slides(l));
  }
  if (window == 0 || std::ranges::find(sliding, true) == sliding.end()) return;
  for (const bool slides_here : sliding) {
    config->sliding_window.push_back(slides_here ? window : 0);
  }
}

int WidestWindow(const ModelConfig& config) {
  return config.sliding_window.empty() ? 0 : std::ranges::max(config.sliding_window);
}

void WriteLayerTypes(const ModelConfig& config, ordered_json* out) {
  ordered_json types = ordered_json::array();
  for (int l = 0; l < config.num_layers; ++l) types.push_back(config.window(l) ? kSliding : kFull);
  (*out)["layer_types"] = types;
}

void WriteWindow(const ModelConfig& config, ordered_json* out) {
  const int window = WidestWindow(config);
  (*out)["sliding_window"] = window ? ordered_json(window) : ordered_json(nullptr);
}

void ReadAttentionBias(const JsonFields& fields, ModelConfig* config) {
  config->qkv_bias = config->attention_out_bias = fields.Bool("attention_bias", false);
}

void ReadLlama(const JsonFields& fields, ModelConfig* config) {
  ReadAttentionBias(fields, config);
  config->mlp_bias = fields.Bool("mlp_bias", false);
}
void WriteLlama(const ModelConfig& config, ordered_json* out) {
  (*out)["attention_bias"] = config.qkv_bias;
  (*out)["mlp_bias"] = config.mlp_bias;
}

void ReadMistral(const JsonFields& fields, ModelConfig* config) {
  SetWindows(
      fields, Window(fields, 4096), [](int) { return true; }, config);
}
void WriteMistral(const ModelConfig& config, ordered_json* out) { WriteWindow(config, out); }

void ReadQwenWindows(const JsonFields& fields, ModelConfig* config) {
  const int window = fields.Bool("use_sliding_window", false) ? Window(fields, 4096) : 0;
  const auto first = fields.Int("max_window_layers", 0, kMaxWindow, 28);
  SetWindows(
      fields, window, [first](int layer) { return layer >= first; }, config);
}
void WriteQwenWindows(const ModelConfig& config, ordered_json* out) {
  (*out)["use_sliding_window"] = WidestWindow(config) > 0;
  WriteWindow(config, out);
  WriteLayerTypes(config, out);
}

void ReadQwen2(const JsonFields& fields, ModelConfig* config) {
  config->qkv_bias = true;
  ReadQwenWindows(fields, config);
}

void ReadQwen3(const JsonFields& fields, ModelConfig* config) {
  ReadAttentionBias(fields, config);
  config->qk_norm = true;
  ReadQwenWindows(fields, config);
}
void WriteQwen3(const ModelConfig& config, ordered_json* out) {
  (*out)["attention_bias"] = config.qkv_bias;
  WriteQwenWindows(config, out);
}

double Softcap(const JsonFields& fields, std::string_view key, double absent) {
  return fields.IsNull(key) ? 0.0 : fields.Number(key, 1e-3, 1e6, absent);
}

void ReadGemma2(const JsonFields& fields, ModelConfig* config) {
  ReadAttentionBias(fields, config);
  if (fields.Bool("use_bidirectional_attention", false)) {
    throw Error(ErrorCode::kUnimplemented,
                StrCat(fields.where(), ": use_bidirectional_attention true is not supported; a ",
                       "step's score must not see later steps"));
  }
  config->post_norms = true;
  config->norm_offset = 1.0;
  config->embedding_scale = std::sqrt(double(config->hidden_size));
  config->attention_scale = 1 / std::sqrt(fields.Number("query_pre_attn_scalar", 1e-3, 1e6, 256));
  config->attention_softcap = Softcap(fields, "attn_logit_softcapping", 50);
  config->logit_softcap = Softcap(fields, "final_logit_softcapping", 30);
  SetWindows(
      fields, Window(fields, 4096), [](int layer) { return layer % 2 == 0; }, config);
}
void WriteGemma2(const ModelConfig& config, ordered_json* out) {
  const auto or_null = [](double x) { return x > 0 ? ordered_json(x) : ordered_json(nullptr); };
  (*out)["attention_bias"] = config.qkv_bias;
  const double scalar = std::round(1e6 / (config.attention_scale * config.attention_scale)) / 1e6;
  const bool whole =
      scalar == std::round(scalar);  // transformers accepts only whole numbers here, and no 256.0
  (*out)["query_pre_attn_scalar"] = whole ? ordered_json(int64_t(scalar)) : ordered_json(scalar);
  (*out)["attn_logit_softcapping"] = or_null(config.attention_softcap);
  (*out)["final_logit_softcapping"] = or_null(config.logit_softcap);
  WriteWindow(config, out);
  WriteLayerTypes(config, out);
}

void ReadPhi3(const JsonFields& fields, ModelConfig* config) {
  // transformers treats the name yarn as LongRoPE here.
  if (config->rope_scaling.kind == RopeScaling::Kind::kYarn) {
    throw Error(ErrorCode::kUnimplemented,
                StrCat(fields.where(), ": rope_scaling of type \"longrope\" is not supported"));
  }
  SetWindows(
      fields, Window(fields, 0), [](int) { return true; }, config);
}

constexpr std::array kFamilies = {
    Family{.model_type = "llama", .class_prefix = "Llama", .read = ReadLlama, .write = WriteLlama},
    Family{.model_type = "mistral",
           .class_prefix = "Mistral",
           .default_kv_heads = 8,
           .read = ReadMistral,
           .write = WriteMistral},
    Family{.model_type = "qwen2",
           .class_prefix = "Qwen2",
           .default_kv_heads = 32,
           .read = ReadQwen2,
           .write = WriteQwenWindows},
    Family{.model_type = "qwen3",
           .class_prefix = "Qwen3",
           .default_kv_heads = 32,
           .default_head_dim = 128,
           .read = ReadQwen3,
           .write = WriteQwen3},
    Family{.model_type = "gemma2",
           .class_prefix = "Gemma2",
           .default_kv_heads = 4,
           .default_head_dim = 256,
           .default_tie = true,
           .activation_key = "hidden_activation",
           .default_activation = "gelu_pytorch_tanh",
           .read = ReadGemma2,
           .write = WriteGemma2},
    Family{.model_type = "phi3",
           .class_prefix = "Phi3",
           .default_rms_norm_eps = 1e-5,
           .read = ReadPhi3,
           .write = WriteMistral,
           .fused_projections = true},
};

// Gemma 2 uses other names: its feed-forward layer has norms before and after it.
std::string_view MlpNormName(const ModelConfig& config) {
  return config.post_norms ? "pre_feedforward_layernorm" : "post_attention_layernorm";
}

}  // namespace

std::span<const Family> Families() { return kFamilies; }

const Family& FamilyOf(std::string_view model_type, std::string_view where) {
  const auto found = std::ranges::find(kFamilies, model_type, &Family::model_type);
  if (found != kFamilies.end()) return *found;
  std::string known;
  for (const Family& f : kFamilies) known += StrCat(known.empty() ? "" : ", ", f.model_type);
  throw Error(ErrorCode::kUnimplemented, StrCat(where, ": model_type \"", model_type,
                                                "\" is not supported; expected one of ", known));
}

std::string ArchitectureOf(const ModelConfig& config) {
  return StrCat(FamilyOf(config.model_type, "config.json").class_prefix, "ForCausalLM");
}

std::vector<StoredTensor> StoredAs(const ModelConfig& c, LayerPart part, int layer) {
  const int64_t d = c.hidden_size, f = c.intermediate_size, channels = c.head_dim;
  const int64_t q = c.num_heads * channels, kv = c.num_kv_heads * channels;
  const bool fused = FamilyOf(c.model_type, "config").fused_projections;
  const auto named = [layer](std::string_view name) {
    return StrCat("model.layers.", layer, ".", name);
  };
  using Tensors = std::vector<StoredTensor>;
  const auto norm = [&](std::string_view name, int64_t width) {
    return Tensors{{named(StrCat(name, ".weight")), {width}}};
  };
  switch (part) {
    case LayerPart::kAttentionNorm:
      return norm("input_layernorm", d);
    case LayerPart::kQkv:
      if (fused) return {{named("self_attn.qkv_proj.weight"), {q + 2 * kv, d}}};
      return {{named("self_attn.q_proj.weight"), {q, d}},
              {named("self_attn.k_proj.weight"), {kv, d}},
              {named("self_attn.v_proj.weight"), {kv, d}}};
    case LayerPart::kQkvBias:
      if (!c.qkv_bias) return {};
      return {{named("self_attn.q_proj.bias"), {q}},
              {named("self_attn.k_proj.bias"), {kv}},
              {named("self_attn.v_proj.bias"), {kv}}};
    case LayerPart::kQueryNorm:
      return c.qk_norm ? norm("self_attn.q_norm", channels) : Tensors{};
    case LayerPart::kKeyNorm:
      return c.qk_norm ? norm("self_attn.k_norm", channels) : Tensors{};
    case LayerPart::kAttentionOut:
      return {{named("self_attn.o_proj.weight"), {d, q}}};
    case LayerPart::kAttentionOutBias:
      if (!c.attention_out_bias) return {};
      return {{named("self_attn.o_proj.bias"), {d}}};
    case LayerPart::kAttentionPostNorm:
      return c.post_norms ? norm("post_attention_layernorm", d) : Tensors{};
    case LayerPart::kMlpNorm:
      return norm(MlpNormName(c), d);
    case LayerPart::kGateUp:
      if (fused) return {{named("mlp.gate_up_proj.weight"), {2 * f, d}}};
      return {{named("mlp.gate_proj.weight"), {f, d}}, {named("mlp.up_proj.weight"), {f, d}}};
    case LayerPart::kGateUpBias:
      if (!c.mlp_bias) return {};
      return {{named("mlp.gate_proj.bias"), {f}}, {named("mlp.up_proj.bias"), {f}}};
    case LayerPart::kDown:
      return {{named("mlp.down_proj.weight"), {d, f}}};
    case LayerPart::kDownBias:
      if (!c.mlp_bias) return {};
      return {{named("mlp.down_proj.bias"), {d}}};
    case LayerPart::kMlpPostNorm:
      return c.post_norms ? norm("post_feedforward_layernorm", d) : Tensors{};
  }
  return {};
}

bool IsNorm(LayerPart part) {
  return part == LayerPart::kQueryNorm || part == LayerPart::kKeyNorm || HasNormOffset(part);
}

bool HasNormOffset(LayerPart part) {
  return part == LayerPart::kAttentionNorm || part == LayerPart::kAttentionPostNorm ||
         part == LayerPart::kMlpNorm || part == LayerPart::kMlpPostNorm;
}

}  // namespace prm
