// The decoder in plain differentiable LibTorch, one trace at a time, as a reference.
#pragma once

#include <torch/types.h>

#include "model/config/families.h"
#include "model/decoder/decoder.h"

namespace prm {

// A random model; the sizes are odd enough to catch a wrong stride.
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

// TinyDecoderConfig plus the additions of all families.
inline ModelConfig TinyEverythingConfig() {
  ModelConfig c = TinyDecoderConfig();
  c.activation = Activation::kGeluTanh;
  c.qkv_bias = c.attention_out_bias = c.mlp_bias = c.qk_norm = c.post_norms = true;
  c.embedding_scale = 0.7;
  c.attention_scale = 0.5;
  c.attention_softcap = 2.0;
  c.sliding_window = {4, 0, 6};
  return c;
}

// With sizes that the CUDA kernels support.
inline ModelConfig ForKernels(ModelConfig config) {
  config.num_layers = 2;
  config.num_heads = 2;
  config.num_kv_heads = 1;
  config.head_dim = 64;
  config.max_position_embeddings = 1024;
  if (!config.sliding_window.empty()) config.sliding_window = {30, 0};
  return config;
}

inline DecoderWeights RandomWeights(const ModelConfig& c, uint64_t seed) {
  torch::manual_seed(seed);
  const auto random = [](const std::vector<int64_t>& shape, bool is_norm) {
    if (is_norm) return 1.0 + 0.3 * torch::randn(shape);
    return shape.size() == 1 ? torch::randn(shape) : torch::randn(shape) / std::sqrt(shape[1]);
  };
  DecoderWeights w;
  w.embedding = torch::randn({c.vocab_size, c.hidden_size});
  for (int i = 0; i < c.num_layers; ++i) {
    LayerWeights& layer = w.layers.emplace_back();
    for (const LayerPart part : kLayerParts) {
      std::vector<torch::Tensor> rows;
      for (const StoredTensor& stored : StoredAs(c, part, i)) {
        rows.push_back(random(stored.shape, IsNorm(part)));
      }
      if (!rows.empty()) layer[part] = torch::cat(rows);
    }
  }
  w.final_norm = random({c.hidden_size}, true);
  w.head_weight = random({kNumLabels, c.hidden_size}, false);
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
  using enum LayerPart;
  const int64_t count = int64_t(trace.ids.size()), hc = c.num_heads * c.head_dim;
  const int64_t kc = c.num_kv_heads * c.head_dim, group = c.num_heads / c.num_kv_heads;
  const auto norm = [&](const torch::Tensor& x, const torch::Tensor& weight) {
    if (!weight.defined()) return x;
    return x * torch::rsqrt(x.square().mean(-1, true) + c.rms_norm_eps) * weight;
  };
  const auto linear = [](const torch::Tensor& x, const torch::Tensor& weight,
                         const torch::Tensor& bias) {
    return bias.defined() ? x.mm(weight.t()) + bias : x.mm(weight.t());
  };
  const auto ids = torch::tensor(trace.ids, torch::kInt).to(torch::kLong);
  auto x = w.embedding.index_select(0, ids) * c.embedding_scale;
  for (int i = 0; i < c.num_layers; ++i) {
    const LayerWeights& l = w.layers[size_t(i)];
    const auto parts =
        linear(norm(x, l[kAttentionNorm]), l[kQkv], l[kQkvBias]).split({hc, kc, kc}, 1);
    const auto heads = [&](const torch::Tensor& t, int n) {
      return t.view({count, n, c.head_dim});
    };
    const auto q =
        ReferenceRotate(norm(heads(parts[0], c.num_heads), l[kQueryNorm]), c).transpose(0, 1);
    const auto k = ReferenceRotate(norm(heads(parts[1], c.num_kv_heads), l[kKeyNorm]), c)
                       .repeat_interleave(group, 1)
                       .transpose(0, 1);
    const auto v = heads(parts[2], c.num_kv_heads).repeat_interleave(group, 1).transpose(0, 1);
    const double scale = c.attention_scale > 0 ? c.attention_scale : 1 / std::sqrt(c.head_dim);
    auto scores = q.matmul(k.transpose(1, 2)) * scale;
    if (c.attention_softcap > 0) {
      scores = c.attention_softcap * (scores / c.attention_softcap).tanh();
    }
    auto mask = torch::ones({count, count}, torch::kBool).triu(1);
    if (c.window(i) > 0) {
      mask = mask.logical_or(torch::ones({count, count}, torch::kBool).tril(-c.window(i)));
    }
    const auto p = scores.masked_fill(mask, -INFINITY).softmax(-1);
    const auto attended = p.matmul(v).transpose(0, 1).reshape({count, hc});
    x = x + norm(linear(attended, l[kAttentionOut], l[kAttentionOutBias]), l[kAttentionPostNorm]);
    const auto gate_up = linear(norm(x, l[kMlpNorm]), l[kGateUp], l[kGateUpBias]).chunk(2, 1);
    const auto gate = c.activation == Activation::kSilu ? torch::silu(gate_up[0])
                                                        : torch::gelu(gate_up[0], "tanh");
    x = x + norm(linear(gate * gate_up[1], l[kDown], l[kDownBias]), l[kMlpPostNorm]);
  }
  const auto reads = torch::tensor(trace.step_reads, torch::kInt).to(torch::kLong);
  return norm(x, w.final_norm).index_select(0, reads).mm(w.head_weight.t()) + w.head_bias;
}

}  // namespace prm
