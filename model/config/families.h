// The decoder families: what each adds to Llama in config.json and in the tensors. A new family
// needs a row in the table in families.cc and a case in tests/golden/families.py.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/config/model_config.h"

namespace prm {

class JsonFields;

struct Family {
  std::string_view model_type;    // config.json's "model_type"
  std::string_view class_prefix;  // prefix of transformers' class names: "Llama"
  // transformers' defaults for keys that config.json omits.
  int default_kv_heads = 0;  // 0: num_attention_heads
  int default_head_dim = 0;  // 0: hidden_size / num_attention_heads
  double default_rms_norm_eps = 1e-6;
  bool default_tie = false;
  std::string_view activation_key = "hidden_act";
  std::string_view default_activation = "silu";
  // Read and write the keys that only this family has; `config` holds the common ones.
  void (*read)(const JsonFields& fields, ModelConfig* config);
  void (*write)(const ModelConfig& config, nlohmann::ordered_json* out);
  bool fused_projections = false;  // qkv_proj and gate_up_proj
};

std::span<const Family> Families();
// Throws Error(kUnimplemented) naming `where`, the type and the known types.
const Family& FamilyOf(std::string_view model_type, std::string_view where);
// "LlamaForCausalLM"
std::string ArchitectureOf(const ModelConfig& config);

// The tensors of a layer as the decoder holds them, in order of computation. Linear layers are
// [out, in] as in PyTorch. Query, key and value rows are one tensor, and so are gate and up: one
// matrix product each. H heads, K key/value heads of C channels, width D, feed-forward F.
enum class LayerPart {
  kAttentionNorm,      // [D]
  kQkv,                // [(H + 2K)*C, D]
  kQkvBias,            // [(H + 2K)*C]
  kQueryNorm,          // [C]
  kKeyNorm,            // [C]
  kAttentionOut,       // [D, H*C]
  kAttentionOutBias,   // [D]
  kAttentionPostNorm,  // [D]
  kMlpNorm,            // [D]
  kGateUp,             // [2F, D]
  kGateUpBias,         // [2F]
  kDown,               // [D, F]
  kDownBias,           // [D]
  kMlpPostNorm,        // [D]
};
inline constexpr auto kLayerParts = [] {
  std::array<LayerPart, size_t(LayerPart::kMlpPostNorm) + 1> parts;
  for (size_t i = 0; i < parts.size(); ++i) parts[i] = LayerPart(i);
  return parts;
}();

struct StoredTensor {
  std::string name;            // in a Hugging Face folder
  std::vector<int64_t> shape;  // [out, in] for a linear layer
};
// Returns the stored tensors that, stacked by rows, form `part`; empty if the model lacks the part.
std::vector<StoredTensor> StoredAs(const ModelConfig& config, LayerPart part, int layer);

// Whether the part is the weight of an RMSNorm, not of a matrix product.
bool IsNorm(LayerPart part);
// Whether files store the part minus config.norm_offset.
bool HasNormOffset(LayerPart part);

}  // namespace prm
