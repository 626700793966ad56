// The decoder in plain differentiable LibTorch, one trace at a time: what the fast one must equal.
#pragma once

#include <torch/types.h>

#include "model/decoder.h"

namespace prm {

// A random model; every shape is odd enough to catch a wrong stride.
inline ModelConfig TinyDecoderConfig() {
  ModelConfig c;
  c.hidden_size = 24;
  c.intermediate_size = 40;
  c.num_layers = 3;
  c.num_heads = 4;
  c.num_kv_heads = 2;
  c.head_dim = 8;
  c.vocab_size = 50;
  c.max_position_embeddings = 64;
  c.rms_norm_eps = 1e-5;
  c.rope_theta = 1000.0;
  c.tie_word_embeddings = true;
  return c;
}

inline DecoderWeights RandomWeights(const ModelConfig& c, uint64_t seed) {
  torch::manual_seed(seed);
  const int64_t d = c.hidden_size, f = c.intermediate_size, hc = c.num_heads * c.head_dim;
  const int64_t qkv = hc + 2 * c.num_kv_heads * c.head_dim;
  const auto linear = [](int64_t out, int64_t in) {
    return torch::randn({out, in}) / std::sqrt(in);
  };
  const auto norm = [&] { return 1.0 + 0.3 * torch::randn({d}); };
  DecoderWeights w;
  w.embedding = torch::randn({c.vocab_size, d});
  for (int i = 0; i < c.num_layers; ++i) {
    w.layers.push_back(
        {norm(), linear(qkv, d), linear(d, hc), norm(), linear(2 * f, d), linear(d, f)});
  }
  w.final_norm = norm();
  w.head_weight = linear(kNumLabels, d);
  w.head_bias = torch::randn({kNumLabels});
  return w;
}

inline torch::Tensor ReferenceRotate(const torch::Tensor& x,
                                     const ModelConfig& c) {  // [T, heads, C]
  const int64_t half = c.head_dim / 2;
  const auto frequency =
      torch::pow(c.rope_theta, -torch::arange(half, torch::kDouble) / double(half));
  const auto angle = torch::outer(torch::arange(x.size(0), torch::kDouble), frequency).unsqueeze(1);
  const auto cos = angle.cos().to(torch::kFloat), sin = angle.sin().to(torch::kFloat);
  if (c.rotary_layout == RotaryLayout::kHalf) {
    const auto a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
    return torch::cat({a * cos - b * sin, b * cos + a * sin}, 2);
  }
  const auto a = x.slice(2, 0, c.head_dim, 2), b = x.slice(2, 1, c.head_dim, 2);
  return torch::stack({a * cos - b * sin, b * cos + a * sin}, 3).flatten(2);
}

// Logits [S, kNumLabels] of one trace.
inline torch::Tensor ReferenceStepLogits(const ModelConfig& c, const DecoderWeights& w,
                                         const TraceTokens& trace) {
  const int64_t count = int64_t(trace.ids.size()), hc = c.num_heads * c.head_dim;
  const int64_t kc = c.num_kv_heads * c.head_dim;
  const auto norm = [&](const torch::Tensor& x, const torch::Tensor& weight) {
    return x * torch::rsqrt(x.square().mean(-1, true) + c.rms_norm_eps) * weight;
  };
  const auto ids = torch::tensor(trace.ids, torch::kInt).to(torch::kLong);
  auto x = w.embedding.index_select(0, ids);
  const auto mask = torch::ones({count, count}, torch::kBool).triu(1);
  for (const LayerWeights& l : w.layers) {
    const auto parts = norm(x, l.attention_norm).mm(l.qkv.t()).split({hc, kc, kc}, 1);
    const auto heads = [&](const torch::Tensor& t, int n) {
      return t.view({count, n, c.head_dim});
    };
    const auto q = ReferenceRotate(heads(parts[0], c.num_heads), c).transpose(0, 1);
    const int64_t group = c.num_heads / c.num_kv_heads;
    const auto k = ReferenceRotate(heads(parts[1], c.num_kv_heads), c)
                       .repeat_interleave(group, 1)
                       .transpose(0, 1);
    const auto v = heads(parts[2], c.num_kv_heads).repeat_interleave(group, 1).transpose(0, 1);
    const auto scores = q.matmul(k.transpose(1, 2)) / std::sqrt(double(c.head_dim));
    const auto p = scores.masked_fill(mask, -INFINITY).softmax(-1);
    x = x + p.matmul(v).transpose(0, 1).reshape({count, hc}).mm(l.attention_out.t());
    const auto gate_up = norm(x, l.mlp_norm).mm(l.gate_up.t()).chunk(2, 1);
    x = x + (torch::silu(gate_up[0]) * gate_up[1]).mm(l.down.t());
  }
  const auto reads = torch::tensor(trace.step_reads, torch::kInt).to(torch::kLong);
  return norm(x, w.final_norm).index_select(0, reads).mm(w.head_weight.t()) + w.head_bias;
}

}  // namespace prm
