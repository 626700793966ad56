// Products whose operands change.
#pragma once

#include <ATen/core/Tensor.h>

namespace prm::ops {

// a [M, K] times b [K, N], plus bias [N] where that is defined, in the dtype of all: [M, N], as
// LibTorch computes it. Large ones on the CPU are cut into pieces, of which threads take the next
// as they become free; how many depends on the shape and on LibTorch's number of threads.
at::Tensor MatMul(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias = {});

}  // namespace prm::ops
