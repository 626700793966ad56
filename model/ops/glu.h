// The gated linear unit.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/config/model_config.h"

namespace prm::ops {

// gate_up [T, 2F], gate first. Returns act(gate) * up [T, F]. Source: Shazeer 2020, "GLU Variants
// Improve Transformer", equation 6; tanh form of GELU: Hendrycks & Gimpel 2016, section 2.
at::Tensor Glu(const at::Tensor& gate_up, Activation activation);
struct GluGrads {
  at::Tensor gate_up;     // [T, 2F]
  at::Tensor activation;  // [T, F]: the forward result, recomputed instead of kept
};
GluGrads GluBackward(const at::Tensor& grad, const at::Tensor& gate_up, Activation activation);

}  // namespace prm::ops
