// Causal attention of packed traces in bfloat16 for CPUs that multiply bfloat16 pairs
// (AVX512-BF16): the body PackedAttention picks where it can. Internal to model/kernels.
#pragma once

#include <cstdint>
#include <vector>

#include "model/kernels/cpu/cpu_math.h"
#include "model/ops/attention.h"

namespace prm::ops {

// True where this CPU has the instructions and the head size is a multiple of 16.
bool HasBf16Attention(AttentionShape shape);

// Rows as in PackedAttention, all contiguous; no window and no softcap. log_sum_exp [H, T] float32
// is that of the scaled scores to the base 2; null where no backward pass follows.
void Bf16Attention(const BFloat16* qkv, const std::vector<int64_t>& offsets, AttentionShape shape,
                   BFloat16* out, float* log_sum_exp);
// Fills grad_qkv, of qkv's shape.
void Bf16AttentionBackward(const BFloat16* grad_out, const BFloat16* qkv, const BFloat16* out,
                           const float* log_sum_exp, const std::vector<int64_t>& offsets,
                           AttentionShape shape, BFloat16* grad_qkv);

}  // namespace prm::ops
