// Causal attention of packed traces in bfloat16 on CPUs that multiply bfloat16 pairs (AVX512-BF16):
// the preferred body of PackedAttention. Internal to model/kernels.
#pragma once

#include <cstdint>
#include <vector>

#include "model/kernels/cpu/cpu_math.h"
#include "model/ops/attention.h"

namespace prm::ops {

// Whether this CPU has the instructions and the head size is a multiple of 16.
bool HasBf16Attention(AttentionShape shape);

// Rows as in PackedAttention, all contiguous; no window and no softcap. log_sum_exp [H, T] float32
// is that of the scaled scores, base 2; null if no backward pass follows.
void Bf16Attention(const BFloat16* qkv, const std::vector<int64_t>& offsets, AttentionShape shape,
                   BFloat16* out, float* log_sum_exp);
// Fills grad_qkv, which has the shape of qkv.
void Bf16AttentionBackward(const BFloat16* grad_out, const BFloat16* qkv, const BFloat16* out,
                           const float* log_sum_exp, const std::vector<int64_t>& offsets,
                           AttentionShape shape, BFloat16* grad_qkv);

}  // namespace prm::ops
