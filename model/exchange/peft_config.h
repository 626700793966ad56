// adapter_config.json: how a PEFT LoRA adapter was trained.
// Source: PyPI peft 0.21, LoraConfig and get_pattern_key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

// Overrides the rank or alpha of modules whose path matches.
struct PatternOverride {
  std::function<bool(std::string_view)> matches;
  double value = 0;
};

// Immutable after reading: any thread. Module paths are the base's: "model.layers.0.mlp.up_proj".
struct AdapterConfig {
  int64_t rank = 8;
  double alpha = 8;
  std::vector<PatternOverride> rank_pattern, alpha_pattern;  // the first match counts
  bool use_rslora = false;                                   // alpha / sqrt(rank), not alpha / rank
  bool fan_in_fan_out = false;                               // the base's matrices are [in, out]
  bool use_dora = false;
  bool lora_bias = false;                    // B has a bias
  std::vector<std::string> modules_to_save;  // trained whole; suffixes of module paths

  int64_t RankOf(std::string_view module) const;
  // The factor of B A.
  double ScalingOf(std::string_view module) const;
  // Whether the tensor belongs to a module whose path ends with one of modules_to_save.
  bool IsSaved(std::string_view tensor) const;
};

// Throws Error naming the file and the field: kNotFound, kInvalidArgument for malformed content,
// kUnimplemented for another kind of adapter, or one that is more than a low-rank difference from
// the base's weights. Ignores fields that peft does not know, as peft does.
AdapterConfig ReadAdapterConfig(const std::filesystem::path& file);

}  // namespace prm
