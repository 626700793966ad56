// Causal attention of packed traces without padding.
// CPU, bfloat16: our own kernel if the CPU multiplies bfloat16 (attention_bf16.h).
// CPU otherwise: LibTorch's flash attention and its backward pass, one call per trace.
// Elsewhere: scaled_dot_product_attention; the backward pass recomputes.
// Anywhere, with capped scores or a window shorter than a trace: blocks of queries in float32; the
// backward pass recomputes.
#include "model/ops/attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "model/kernels/cpu/attention_bf16.h"

namespace prm::ops {
namespace {

struct Heads {
  at::Tensor query, key, value;  // [1, H or K, T_b, C], views of qkv
};

Heads SplitHeads(const at::Tensor& qkv, int64_t begin, int64_t end, AttentionShape shape) {
  const int64_t count = shape.heads + 2 * shape.kv_heads;
  const at::Tensor rows = qkv.slice(0, begin, end)
                              .view({end - begin, count, shape.head_dim})
                              .transpose(0, 1)
                              .unsqueeze(0);
  return {rows.narrow(1, 0, shape.heads), rows.narrow(1, shape.heads, shape.kv_heads),
          rows.narrow(1, shape.heads + shape.kv_heads, shape.kv_heads)};
}

// [1, K, T, C] -> [1, H, T, C]: repeats each key/value head for its H/K query heads.
at::Tensor RepeatHeads(const at::Tensor& x, AttentionShape shape) {
  const int64_t group = shape.heads / shape.kv_heads;
  if (group == 1) return x;
  return x.unsqueeze(2)
      .expand({1, shape.kv_heads, group, x.size(2), x.size(3)})
      .reshape({1, shape.heads, x.size(2), x.size(3)});
}

// [1, H, T, C] -> [T, K*C]: sums the gradients of the query heads that share a key/value head.
at::Tensor SumGroups(const at::Tensor& x, AttentionShape shape) {
  const int64_t group = shape.heads / shape.kv_heads;
  at::Tensor y = x.view({shape.kv_heads, group, x.size(2), x.size(3)});
  y = group == 1 ? y.squeeze(1) : y.sum(1);
  return y.transpose(0, 1).reshape({x.size(2), int64_t(shape.kv_heads) * shape.head_dim});
}

void CheckShapes(const at::Tensor& qkv, const std::vector<int64_t>& offsets, AttentionShape shape) {
  const int64_t width = int64_t(shape.heads + 2 * shape.kv_heads) * shape.head_dim;
  TORCH_CHECK(qkv.dim() == 2 && qkv.size(1) == width, "attention: expected qkv [T, ", width,
              "], got ", qkv.sizes());
  TORCH_CHECK(offsets.size() >= 2 && offsets.front() == 0 && offsets.back() == qkv.size(0),
              "attention: offsets must rise from 0 to ", qkv.size(0));
}

bool UsesBf16Kernel(const at::Tensor& qkv, AttentionShape shape) {
  return qkv.is_cpu() && qkv.scalar_type() == at::kBFloat16 && HasBf16Attention(shape);
}

BFloat16* Bf16(const at::Tensor& t) { return static_cast<BFloat16*>(t.data_ptr()); }

bool NeedsBlocks(const std::vector<int64_t>& offsets, AttentionShape shape) {
  if (shape.softcap > 0) return true;
  if (shape.window == 0) return false;
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    if (offsets[b + 1] - offsets[b] > shape.window) return true;
  }
  return false;
}

double Scale(AttentionShape shape) {
  return shape.scale > 0 ? shape.scale : 1 / std::sqrt(double(shape.head_dim));
}

// Returns [1, H, T, C]; each block of queries takes all keys of its window at once.
at::Tensor BlockAttention(const Heads& h, AttentionShape shape) {
  constexpr int64_t kQueries = 128;
  const at::Tensor query = h.query.to(at::kFloat) * Scale(shape);
  const at::Tensor key = RepeatHeads(h.key, shape).to(at::kFloat).transpose(2, 3);
  const at::Tensor value = RepeatHeads(h.value, shape).to(at::kFloat);
  const int64_t count = query.size(2), window = shape.window > 0 ? shape.window : count;
  const at::Tensor positions = at::arange(count, query.options().dtype(at::kLong));
  std::vector<at::Tensor> out;
  for (int64_t begin = 0; begin < count; begin += kQueries) {
    const int64_t end = std::min(count, begin + kQueries),
                  first = std::max<int64_t>(0, begin - window + 1);
    at::Tensor scores = at::matmul(query.slice(2, begin, end), key.slice(3, first, end));
    if (shape.softcap > 0) scores = (scores / shape.softcap).tanh() * shape.softcap;
    const at::Tensor distance =
        positions.slice(0, begin, end).unsqueeze(1) - positions.slice(0, first, end).unsqueeze(0);
    const at::Tensor hidden = at::logical_or(distance.lt(0), distance.ge(window));
    scores = scores.masked_fill(hidden, -INFINITY);
    out.push_back(at::matmul(scores.softmax(-1), value.slice(2, first, end)));
  }
  return at::cat(out, 2).to(h.query.scalar_type());
}

at::Tensor Reference(const Heads& h, AttentionShape shape, bool blocks) {
  if (blocks) return BlockAttention(h, shape);
  return at::scaled_dot_product_attention(h.query, h.key, h.value, {}, 0.0, /*is_causal=*/true,
                                          Scale(shape), /*enable_gqa=*/true);
}

at::Tensor ReferenceBackward(const at::Tensor& grad, const at::Tensor& qkv, AttentionShape shape,
                             bool blocks) {
  at::AutoGradMode with_gradients(true);
  const at::Tensor input = qkv.detach().requires_grad_(true);
  const at::Tensor out = Reference(SplitHeads(input, 0, input.size(0), shape), shape, blocks);
  return torch::autograd::grad({out}, {input}, {grad})[0];
}

}  // namespace

AttentionResult PackedAttention(const at::Tensor& qkv, const std::vector<int64_t>& offsets,
                                AttentionShape shape, bool keep_for_backward) {
  CheckShapes(qkv, offsets, shape);
  const int64_t width = int64_t(shape.heads) * shape.head_dim;
  const bool blocks = NeedsBlocks(offsets, shape);
  AttentionResult result{at::empty({qkv.size(0), width}, qkv.options()), {}};
  if (!blocks && UsesBf16Kernel(qkv, shape)) {
    if (keep_for_backward) {
      result.log_sum_exp.push_back(
          at::empty({shape.heads, qkv.size(0)}, qkv.options().dtype(at::kFloat)));
    }
    Bf16Attention(Bf16(qkv.contiguous()), offsets, shape, Bf16(result.out),
                  keep_for_backward ? result.log_sum_exp[0].mutable_data_ptr<float>() : nullptr);
    return result;
  }
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    const Heads h = SplitHeads(qkv, offsets[b], offsets[b + 1], shape);
    at::Tensor out;
    if (qkv.is_cpu() && !blocks) {
      auto [values, log_sum_exp] = at::_scaled_dot_product_flash_attention_for_cpu(
          h.query, RepeatHeads(h.key, shape), RepeatHeads(h.value, shape), 0.0, true, std::nullopt,
          Scale(shape));
      out = values;
      if (keep_for_backward) result.log_sum_exp.push_back(log_sum_exp);
    } else {
      out = Reference(h, shape, blocks);
    }
    result.out.slice(0, offsets[b], offsets[b + 1])
        .view({h.query.size(2), shape.heads, shape.head_dim})
        .copy_(out.squeeze(0).transpose(0, 1));
  }
  return result;
}

at::Tensor PackedAttentionBackward(const at::Tensor& grad_out, const at::Tensor& qkv,
                                   const AttentionResult& forward,
                                   const std::vector<int64_t>& offsets, AttentionShape shape) {
  CheckShapes(qkv, offsets, shape);
  const bool blocks = NeedsBlocks(offsets, shape);
  at::Tensor grad = at::empty_like(qkv);
  if (!blocks && UsesBf16Kernel(qkv, shape)) {
    Bf16AttentionBackward(Bf16(grad_out.contiguous()), Bf16(qkv.contiguous()), Bf16(forward.out),
                          forward.log_sum_exp[0].const_data_ptr<float>(), offsets, shape,
                          Bf16(grad));
    return grad;
  }
  const int64_t q_width = int64_t(shape.heads) * shape.head_dim;
  const int64_t kv_width = int64_t(shape.kv_heads) * shape.head_dim;
  const auto as_heads = [&](const at::Tensor& x, int64_t begin, int64_t end) {
    return x.slice(0, begin, end)
        .view({end - begin, shape.heads, shape.head_dim})
        .transpose(0, 1)
        .unsqueeze(0);
  };
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    const int64_t begin = offsets[b], end = offsets[b + 1];
    const at::Tensor grad_heads = as_heads(grad_out, begin, end);
    at::Tensor rows = grad.slice(0, begin, end);
    if (!qkv.is_cpu() || blocks) {
      rows.copy_(ReferenceBackward(grad_heads, qkv.slice(0, begin, end), shape, blocks));
      continue;
    }
    const Heads h = SplitHeads(qkv, begin, end, shape);
    auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        grad_heads, h.query, RepeatHeads(h.key, shape), RepeatHeads(h.value, shape),
        as_heads(forward.out, begin, end), forward.log_sum_exp[b], 0.0, true, std::nullopt,
        Scale(shape));
    rows.narrow(1, 0, q_width).copy_(dq.squeeze(0).transpose(0, 1).reshape({end - begin, q_width}));
    rows.narrow(1, q_width, kv_width).copy_(SumGroups(dk, shape));
    rows.narrow(1, q_width + kv_width, kv_width).copy_(SumGroups(dv, shape));
  }
  return grad;
}

}  // namespace prm::ops
