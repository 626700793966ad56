#include "model/config/model_config.h"

#include <algorithm>
#include <cmath>

namespace prm {

int ModelConfig::max_positions() const {
  using Kind = RopeScaling::Kind;
  const double original = rope_scaling.kind == Kind::kYarn ? rope_scaling.original_max_positions
                                                           : max_position_embeddings;
  const bool stretches = rope_scaling.kind == Kind::kLinear ||
                         rope_scaling.kind == Kind::kDynamic || rope_scaling.kind == Kind::kYarn;
  if (!stretches) return max_position_embeddings;
  const double longest = std::floor(original * rope_scaling.factor);
  return int(std::clamp<double>(longest, max_position_embeddings, kMaxPositions));
}

}  // namespace prm
