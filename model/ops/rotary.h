// Rotary position embedding.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/config/model_config.h"

namespace prm::ops {

// Source: Su et al. 2021, "RoFormer", section 3.2.2; channel pairs by RotaryLayout.
// cos/sin [P, C/2] float32 for positions 0..P-1, both multiplied by `magnitude`. Angles are
// products in float32. frequencies [C/2]: radians per position (RopeFrequencies).
struct RotaryTable {
  at::Tensor cos, sin;
};
RotaryTable MakeRotaryTable(int max_positions, const std::vector<float>& frequencies,
                            double magnitude, at::Device device);
// Rotates the first `heads` heads of each row of `x` [T, >= heads*C] in place by the row's position
// (positions [T] int64, all below P). `inverse` applies the transpose: the backward pass, and the
// exact inverse if magnitude is 1.
void ApplyRotary(at::Tensor& x, const at::Tensor& positions, const RotaryTable& table, int heads,
                 int head_dim, RotaryLayout layout, bool inverse);

}  // namespace prm::ops
