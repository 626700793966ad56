// RMSNorm with the residual addition before it.
#pragma once

#include <ATen/core/Tensor.h>

namespace prm::ops {

// Source: Zhang & Sennrich 2019, "Root Mean Square Layer Normalization", section 4.
struct RmsNormResult {
  at::Tensor residual;  // [T, D] float32: residual + delta
  at::Tensor normed;    // [T, D] out_dtype: residual * rstd * weight
  at::Tensor rstd;      // [T] float32: 1 / sqrt(mean(residual^2) + eps)
};
// residual [T, D] float32; delta [T, D] or undefined; weight [D] float32.
RmsNormResult AddRmsNorm(const at::Tensor& residual, const at::Tensor& delta,
                         const at::Tensor& weight, double eps, at::ScalarType out_dtype);

struct RmsNormGrads {
  at::Tensor residual;          // [T, D] float32
  at::Tensor residual_compute;  // the same in the compute dtype, for the next matrix product
};
// grad_normed [T, D]; grad_residual [T, D] float32, the gradient of the sum from other paths, or
// undefined. Adds to grad_weight [D] float32.
RmsNormGrads AddRmsNormBackward(const at::Tensor& grad_normed, const at::Tensor& grad_residual,
                                const at::Tensor& residual, const at::Tensor& rstd,
                                const at::Tensor& weight, at::ScalarType compute_dtype,
                                at::Tensor& grad_weight);

}  // namespace prm::ops
