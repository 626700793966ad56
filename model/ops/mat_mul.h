// Products of matrices that both change, as in training.
#pragma once

#include <ATen/core/Tensor.h>

namespace prm::ops {

// Returns a [M, K] times b [K, N], plus bias [N] if defined, as [M, N] in their common dtype,
// computed by LibTorch. On the CPU, large products are cut into pieces that threads take as they
// become free. The number of pieces depends on the shape and on LibTorch's number of threads.
at::Tensor MatMul(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias = {});

}  // namespace prm::ops
