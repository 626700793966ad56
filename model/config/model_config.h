// The shape of a decoder of the Llama kind.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace prm {

// Which pairs of a head's query and key channels share one rotary angle.
// Source: RoFormer, Su et al. 2021, section 3.4.2 (interleaved pairs).
enum class RotaryLayout {
  kHalf,         // (i, i + head_dim/2): Hugging Face
  kInterleaved,  // (2i, 2i + 1): GGUF of the llama architecture
};

// How rotary angles are stretched beyond the context the model was first trained with.
struct RopeScaling {
  enum class Kind {
    kNone,
    kLinear,   // Chen et al. 2023, "Position Interpolation": all angles divided by factor
    kDynamic,  // NTK-aware: the base grows with the trace's length
    kLlama3,   // long wavelengths divided by factor, medium ones partly
    kYarn,     // Peng et al. 2023, "YaRN", section 3.2
  };
  Kind kind = Kind::kNone;
  double factor = 1.0;
  int original_max_positions = 0;                        // llama3, yarn
  double low_freq_factor = 1.0, high_freq_factor = 4.0;  // llama3
  double beta_fast = 32.0, beta_slow = 1.0;  // yarn: rotations over the original context
  bool truncate = true;                      // yarn: the ends of the ramp are whole channels
  double attention_factor = 1.0;             // yarn: multiplies cosine and sine
  friend bool operator==(const RopeScaling&, const RopeScaling&) = default;
};

// The activation of the gated feed-forward layer.
enum class Activation { kSilu, kGeluTanh };

// Upper limit: the rotary table has one row per position.
inline constexpr int kMaxPositions = 1 << 22;

struct ModelConfig {
  std::string model_type = "llama";  // the family: model/config/families.h
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
  RopeScaling rope_scaling;
  bool tie_word_embeddings = false;
  RotaryLayout rotary_layout = RotaryLayout::kHalf;
  std::optional<int> bos_token_id;
  std::optional<int> eos_token_id;

  // What families add to Llama.
  Activation activation = Activation::kSilu;
  bool qkv_bias = false, attention_out_bias = false, mlp_bias = false;
  bool qk_norm = false;             // RMSNorm on every query and key head
  bool post_norms = false;          // RMSNorm on the outputs of attention and feed-forward
  double norm_offset = 0.0;         // files store norm weights minus this
  double embedding_scale = 1.0;     // multiplies token embeddings
  double attention_scale = 0.0;     // multiplies attention scores; 0: 1 / sqrt(head_dim)
  double attention_softcap = 0.0;   // c * tanh(score / c); 0: none
  double logit_softcap = 0.0;       // on the language model's logits; 0: none
  std::vector<int> sliding_window;  // [num_layers] tokens a query sees, 0: all; empty: all zeros

  // The longest trace that the rotary angles cover.
  int max_positions() const;
  int window(int layer) const { return sliding_window.empty() ? 0 : sliding_window[size_t(layer)]; }

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

}  // namespace prm
