#include "model/decoder.h"

#include <ATen/ATen.h>

#include "data/error.h"

namespace prm {
namespace {

// grad += a^T b, accumulated in float32.
void AddWeightGradient(at::Tensor& grad, const at::Tensor& a, const at::Tensor& b) {
  grad.add_(at::mm(a.t(), b));
}

}  // namespace

Decoder::Decoder(ModelConfig config, DecoderWeights weights)
    : config_(std::move(config)),
      weights_(std::move(weights)),
      shape_{config_.num_heads, config_.num_kv_heads, config_.head_dim},
      rotary_(ops::MakeRotaryTable(config_.max_position_embeddings, config_.head_dim,
                                   config_.rope_theta, weights_.embedding.device())) {}

at::Tensor Decoder::ToDevice(const std::vector<int64_t>& values) const {
  return at::tensor(values, at::kLong).to(weights_.embedding.device());
}

at::Tensor Decoder::ReadHidden(const PackedBatch& batch, Activations* keep) const {
  const at::Tensor positions = ToDevice(batch.positions), reads = ToDevice(batch.reads);
  at::Tensor residual = weights_.embedding.index_select(0, ToDevice(batch.ids)).to(at::kFloat);
  at::Tensor delta;  // output of the previous block, added to the residual by the next norm
  const double eps = config_.rms_norm_eps;
  for (size_t l = 0; l < weights_.layers.size(); ++l) {
    const LayerWeights& w = weights_.layers[l];
    ops::RmsNormResult norm =
        ops::AddRmsNorm(residual, delta, w.attention_norm, eps, compute_dtype());
    at::Tensor qkv = at::mm(norm.normed, w.qkv.t());
    ops::ApplyRotary(qkv, positions, rotary_, shape_.heads + shape_.kv_heads, shape_.head_dim,
                     config_.rotary_layout, /*inverse=*/false);
    ops::AttentionResult attention =
        ops::PackedAttention(qkv, batch.offsets, shape_, keep != nullptr);
    at::Tensor attended = attention.out, attended_residual = norm.residual;
    if (l + 1 == weights_.layers.size()) {
      attended = attended.index_select(0, reads);
      attended_residual = attended_residual.index_select(0, reads);
    }
    ops::RmsNormResult mlp_norm = ops::AddRmsNorm(
        attended_residual, at::mm(attended, w.attention_out.t()), w.mlp_norm, eps, compute_dtype());
    at::Tensor gate_up = at::mm(mlp_norm.normed, w.gate_up.t());
    delta = at::mm(ops::SwiGlu(gate_up), w.down.t());
    residual = mlp_norm.residual;
    if (keep) {
      keep->layers.push_back({norm.residual, norm.rstd, norm.normed, qkv, std::move(attention),
                              mlp_norm.residual, mlp_norm.rstd, mlp_norm.normed, gate_up});
    }
  }
  ops::RmsNormResult final_norm =
      ops::AddRmsNorm(residual, delta, weights_.final_norm, eps, at::kFloat);
  if (keep) keep->final_norm = final_norm;
  return final_norm.normed;
}

at::Tensor Decoder::StepLogits(const PackedBatch& batch, Activations* keep) const {
  return at::addmm(weights_.head_bias, ReadHidden(batch, keep), weights_.head_weight.t());
}

at::Tensor Decoder::VocabularyLogits(const PackedBatch& batch) const {
  const at::Tensor& table = weights_.lm_head.defined() ? weights_.lm_head : weights_.embedding;
  return at::mm(ReadHidden(batch, nullptr), table.to(at::kFloat).t());
}

void Decoder::Backward(const PackedBatch& batch, const at::Tensor& grad_logits, Activations kept,
                       DecoderWeights* grads) const {
  const at::Tensor positions = ToDevice(batch.positions), reads = ToDevice(batch.reads);
  AddWeightGradient(grads->head_weight, grad_logits, kept.final_norm.normed);
  grads->head_bias.add_(grad_logits.sum(0));
  ops::RmsNormGrads grad = ops::AddRmsNormBackward(
      at::mm(grad_logits, weights_.head_weight), {}, kept.final_norm.residual, kept.final_norm.rstd,
      weights_.final_norm, compute_dtype(), grads->final_norm);
  for (size_t l = weights_.layers.size(); l-- > 0;) {
    const LayerWeights& w = weights_.layers[l];
    LayerWeights& g = grads->layers[l];
    const LayerActivations a = std::move(kept.layers[l]);
    kept.layers.pop_back();
    const bool last = l + 1 == weights_.layers.size();

    const ops::SwiGluGrads mlp =
        ops::SwiGluBackward(at::mm(grad.residual_compute, w.down), a.gate_up);
    AddWeightGradient(g.down, grad.residual_compute, mlp.activation);
    AddWeightGradient(g.gate_up, mlp.gate_up, a.mlp_normed);
    grad = ops::AddRmsNormBackward(at::mm(mlp.gate_up, w.gate_up), grad.residual, a.mlp_residual,
                                   a.mlp_rstd, w.mlp_norm, compute_dtype(), g.mlp_norm);

    at::Tensor grad_attention = at::mm(grad.residual_compute, w.attention_out);
    if (last) {
      AddWeightGradient(g.attention_out, grad.residual_compute,
                        a.attention.out.index_select(0, reads));
      grad_attention = at::zeros_like(a.attention.out).index_copy_(0, reads, grad_attention);
      grad.residual = at::zeros_like(a.residual).index_copy_(0, reads, grad.residual);
    } else {
      AddWeightGradient(g.attention_out, grad.residual_compute, a.attention.out);
    }
    at::Tensor grad_qkv =
        ops::PackedAttentionBackward(grad_attention, a.qkv, a.attention, batch.offsets, shape_);
    ops::ApplyRotary(grad_qkv, positions, rotary_, shape_.heads + shape_.kv_heads, shape_.head_dim,
                     config_.rotary_layout, /*inverse=*/true);
    AddWeightGradient(g.qkv, grad_qkv, a.normed);
    grad = ops::AddRmsNormBackward(at::mm(grad_qkv, w.qkv), grad.residual, a.residual, a.rstd,
                                   w.attention_norm, compute_dtype(), g.attention_norm);
  }
  grads->embedding.index_add_(0, ToDevice(batch.ids), grad.residual);
}

}  // namespace prm
