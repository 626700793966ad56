// The shape of a Llama-family decoder, and its form in a Hugging Face config.json.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace prm {

// Which pairs of a head's query and key values one rotary angle turns.
// Source: RoFormer, Su et al. 2021, section 3.4.2 (interleaved pairs).
enum class RotaryLayout {
  kHalf,         // (i, i + head_dim/2): Hugging Face
  kInterleaved,  // (2i, 2i + 1): GGUF of the llama architecture
};

struct ModelConfig {
  std::string architecture = "LlamaForCausalLM";
  int hidden_size = 0;
  int intermediate_size = 0;
  int num_layers = 0;
  int num_heads = 0;
  int num_kv_heads = 0;  // divides num_heads
  int head_dim = 0;      // even
  int vocab_size = 0;
  int max_position_embeddings = 2048;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  bool tie_word_embeddings = false;
  RotaryLayout rotary_layout = RotaryLayout::kHalf;
  std::optional<int> bos_token_id;
  std::optional<int> eos_token_id;

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

// Throws Error(kInvalidArgument) with `where`, the field, its value and the allowed range.
void CheckConfig(const ModelConfig& config, std::string_view where);

// Parses config.json's text. Throws Error(kInvalidArgument; kUnimplemented for an architecture,
// activation, rope scaling or bias that the decoder does not have) naming `where` and the field.
ModelConfig ParseConfigJson(std::string_view json, std::string_view where);
ModelConfig ReadConfigJson(const std::filesystem::path& file);

// The text of a config.json that ParseConfigJson and transformers read back. The rotary layout
// becomes the key "prm_rotary_layout" only if it is kInterleaved: transformers has no such layout.
std::string WriteConfigJson(const ModelConfig& config);

}  // namespace prm
