// Causal attention within each trace.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace prm::ops {

struct AttentionShape {
  int heads = 0, kv_heads = 0, head_dim = 0;
  double scale = 0;    // multiplies scores; 0: 1 / sqrt(head_dim)
  int window = 0;      // tokens a query sees, itself the last; 0: all up to itself
  double softcap = 0;  // c: scores become c * tanh(score / c); 0: unchanged
};
struct AttentionResult {
  at::Tensor out;  // [T, H*C]
  // For the backward pass: log-sum-exp of the scores, in the layout of the body that made it. Empty
  // if not kept.
  std::vector<at::Tensor> log_sum_exp;
};
// qkv [T, (H + 2K)*C]: queries, keys and values of each token. offsets [B + 1], rising from 0 to T:
// trace b is rows offsets[b] .. offsets[b+1].
// Source: Vaswani et al. 2017, section 3.2.1; Ainslie et al. 2023, "GQA", section 2.2.
AttentionResult PackedAttention(const at::Tensor& qkv, const std::vector<int64_t>& offsets,
                                AttentionShape shape, bool keep_for_backward);
// Returns the gradient of qkv.
at::Tensor PackedAttentionBackward(const at::Tensor& grad_out, const at::Tensor& qkv,
                                   const AttentionResult& forward,
                                   const std::vector<int64_t>& offsets, AttentionShape shape);

}  // namespace prm::ops
