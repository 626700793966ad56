#include "model/decoder/decoder.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "data/error.h"
#include "model/config/rope.h"
#include "model/ops/attention.h"
#include "model/ops/glu.h"
#include "model/ops/head.h"
#include "model/ops/mat_mul.h"
#include "model/ops/packed_linear.h"
#include "model/ops/prefix_attention.h"
#include "model/ops/rms_norm.h"
#include "model/ops/rotary.h"

namespace prm {
namespace {

using enum LayerPart;

// Adds to the gradients of Linear's weight and bias, in float32.
void AddLinearGradients(const at::Tensor& grad, const at::Tensor& x, LayerWeights& g,
                        LayerPart weight, LayerPart bias) {
  g[weight].add_(ops::MatMul(grad.t(), x));
  if (g[bias].defined()) g[bias].add_(grad.sum({0}, false, at::kFloat));
}

// RMSNorm of rows in their own dtype; returns them unchanged if there is no weight.
at::Tensor NormRows(const at::Tensor& x, const at::Tensor& weight, double eps,
                    NormActivations* keep) {
  if (!weight.defined()) return x;
  ops::RmsNormResult norm = ops::AddRmsNorm(x.to(at::kFloat), {}, weight, eps, x.scalar_type());
  if (keep) *keep = {norm.residual, norm.rstd};
  return norm.normed;
}

at::Tensor NormRowsBackward(const at::Tensor& grad, const NormActivations& kept,
                            const at::Tensor& weight, at::Tensor& grad_weight) {
  if (!weight.defined()) return grad;
  return ops::AddRmsNormBackward(grad, {}, kept.input, kept.rstd, weight, grad.scalar_type(),
                                 grad_weight)
      .residual_compute;
}

// A layer of the head on x [S, in]; an ensemble layer [E, in, out] on x [S, in] or [E, S, in].
at::Tensor HeadLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (weight.dim() == 2) return at::addmm(bias, x, weight.t());
  const at::Tensor members = x.dim() == 3 ? x : x.expand({weight.size(0), -1, -1});
  return at::baddbmm(bias.unsqueeze(1), members, weight);
}

// The same with the packed members of `weight`.
at::Tensor HeadLinear(const at::Tensor& x, const at::Tensor& weight,
                      const std::vector<ops::PackedLinear>& members) {
  if (weight.dim() == 2) return members[0].Forward(x);
  std::vector<at::Tensor> out;
  for (size_t e = 0; e < members.size(); ++e) {
    out.push_back(members[e].Forward(x.dim() == 3 ? x[int64_t(e)] : x));
  }
  return at::stack(out);
}

// Channels [begin, end) of qkv as rows of one head each, [T * heads, C].
struct HeadRange {
  int64_t begin, end, channels;
  at::Tensor Columns(const at::Tensor& qkv) const { return qkv.narrow(1, begin, end - begin); }
  at::Tensor Rows(const at::Tensor& qkv) const { return Columns(qkv).reshape({-1, channels}); }
  void Replace(at::Tensor& qkv, const at::Tensor& rows) const {
    Columns(qkv).copy_(rows.view({qkv.size(0), end - begin}));
  }
};

HeadRange Queries(ops::AttentionShape s) { return {0, int64_t(s.heads) * s.head_dim, s.head_dim}; }
HeadRange Keys(ops::AttentionShape s) {
  const int64_t begin = int64_t(s.heads) * s.head_dim;
  return {begin, begin + int64_t(s.kv_heads) * s.head_dim, s.head_dim};
}

}  // namespace

Decoder::Decoder(ModelConfig config, DecoderWeights weights)
    : config_(std::move(config)),
      weights_(std::move(weights)),
      dtype_(Packed(0, kQkv) ? Packed(0, kQkv)->dtype() : weights_.layers[0][kQkv].scalar_type()),
      rotary_(ops::MakeRotaryTable(
          config_.max_positions(), RopeFrequencies(config_, config_.max_position_embeddings),
          config_.rope_scaling.attention_factor, weights_.embedding.device())) {}

const ops::PackedLinear* Decoder::Packed(size_t layer, LayerPart part) const {
  const auto& packed = weights_.layers[layer].packed[size_t(part)];
  return packed ? &*packed : nullptr;
}

at::Tensor Decoder::Linear(const at::Tensor& x, size_t layer, LayerPart weight,
                           LayerPart bias) const {
  if (const ops::PackedLinear* packed = Packed(layer, weight)) return packed->Forward(x);
  const LayerWeights& w = weights_.layers[layer];
  return ops::MatMul(x, w[weight].t(), w[bias]);
}

at::Tensor Decoder::GatedUnits(const at::Tensor& normed, size_t layer,
                               at::Tensor* keep_gate_up) const {
  if (const ops::PackedLinear* packed = Packed(layer, kGateUp)) {
    return packed->Glu(normed, config_.activation);
  }
  const at::Tensor gate_up = Linear(normed, layer, kGateUp, kGateUpBias);
  if (keep_gate_up) *keep_gate_up = gate_up;
  return ops::Glu(gate_up, config_.activation);
}

void Decoder::AddBlock(const at::Tensor& x, size_t layer, LayerPart weight, LayerPart bias,
                       LayerPart post_norm, Stream* stream, NormActivations* keep) const {
  const at::Tensor& norm = weights_.layers[layer][post_norm];
  const ops::PackedLinear* packed = Packed(layer, weight);
  stream->delta.reset();
  if (packed && !norm.defined()) return packed->AddTo(x, &stream->residual);
  stream->delta = NormRows(Linear(x, layer, weight, bias), norm, config_.rms_norm_eps, keep);
}

at::Tensor Decoder::ToDevice(const std::vector<int64_t>& values) const {
  return at::tensor(values, at::kLong).to(weights_.embedding.device());
}

ops::AttentionShape Decoder::AttentionOf(size_t layer) const {
  return {config_.num_heads,       config_.num_kv_heads,       config_.head_dim,
          config_.attention_scale, config_.window(int(layer)), config_.attention_softcap};
}

// One table for all traces, except those beyond the context of a dynamic scaling. Their angles
// depend on their length; they are appended as rows after the table.
Decoder::Rotation Decoder::RotationOf(const PackedBatch& batch) const {
  const bool dynamic = config_.rope_scaling.kind == RopeScaling::Kind::kDynamic;
  std::vector<at::Tensor> cos = {rotary_.cos}, sin = {rotary_.sin};
  std::vector<int64_t> rows = batch.positions;
  int64_t below = rotary_.cos.size(0);
  for (size_t b = 0; dynamic && b + 1 < batch.offsets.size(); ++b) {
    const int64_t begin = batch.offsets[b], length = batch.offsets[b + 1] - begin;
    if (length <= config_.max_position_embeddings) continue;
    const ops::RotaryTable own = ops::MakeRotaryTable(
        int(length), RopeFrequencies(config_, int(length)), 1.0, rotary_.cos.device());
    cos.push_back(own.cos);
    sin.push_back(own.sin);
    for (int64_t t = 0; t < length; ++t) rows[size_t(begin + t)] += below;
    below += length;
  }
  if (cos.size() == 1) return {rotary_, ToDevice(rows)};
  return {{at::cat(cos), at::cat(sin)}, ToDevice(rows)};
}

at::Tensor Decoder::Qkv(const at::Tensor& normed, size_t layer, LayerActivations* keep) const {
  const LayerWeights& w = weights_.layers[layer];
  const ops::AttentionShape shape = AttentionOf(layer);
  at::Tensor qkv = Linear(normed, layer, kQkv, kQkvBias);
  const auto norm_heads = [&](HeadRange heads, LayerPart part, NormActivations* kept) {
    if (!w[part].defined()) return;
    heads.Replace(qkv, NormRows(heads.Rows(qkv), w[part], config_.rms_norm_eps, kept));
  };
  norm_heads(Queries(shape), kQueryNorm, keep ? &keep->query_norm : nullptr);
  norm_heads(Keys(shape), kKeyNorm, keep ? &keep->key_norm : nullptr);
  return qkv;
}

void Decoder::UnrotateQkv(const LayerActivations& kept, size_t layer, const Rotation& rotation,
                          LayerWeights* grads, at::Tensor* grad_qkv) const {
  const LayerWeights& w = weights_.layers[layer];
  const ops::AttentionShape shape = AttentionOf(layer);
  ops::ApplyRotary(*grad_qkv, rotation.rows, rotation.table, shape.heads + shape.kv_heads,
                   shape.head_dim, config_.rotary_layout, /*inverse=*/true);
  const auto norm_heads = [&](HeadRange heads, LayerPart part, const NormActivations& norm) {
    if (!w[part].defined()) return;
    heads.Replace(*grad_qkv,
                  NormRowsBackward(heads.Rows(*grad_qkv), norm, w[part], (*grads)[part]));
  };
  norm_heads(Queries(shape), kQueryNorm, kept.query_norm);
  norm_heads(Keys(shape), kKeyNorm, kept.key_norm);
}

at::Tensor Decoder::ReadHidden(const PackedBatch& batch, Activations* keep) const {
  const Rotation rotation = RotationOf(batch);
  const auto attend = [&](at::Tensor& qkv, size_t layer) {
    const ops::AttentionShape shape = AttentionOf(layer);
    ops::ApplyRotary(qkv, rotation.rows, rotation.table, shape.heads + shape.kv_heads,
                     shape.head_dim, config_.rotary_layout, /*inverse=*/false);
    return ops::PackedAttention(qkv, batch.offsets, shape, keep != nullptr);
  };
  ops::RmsNormResult norm =
      FinalNorm(ReadStream(ToDevice(batch.ids), ToDevice(batch.reads), attend, keep));
  if (keep) keep->final_norm = norm;
  return norm.normed;
}

ops::RmsNormResult Decoder::FinalNorm(const Stream& stream) const {
  return ops::AddRmsNorm(stream.residual, stream.delta, weights_.final_norm, config_.rms_norm_eps,
                         at::kFloat);
}

Decoder::Stream Decoder::ReadStream(const at::Tensor& ids, const at::Tensor& reads,
                                    const Attention& attend, Activations* keep) const {
  TORCH_CHECK(!keep || !Packed(0, kDown), "the weights are packed for inference");
  Stream stream{weights_.embedding.index_select(0, ids).to(at::kFloat), {}};
  if (config_.embedding_scale != 1) stream.residual.mul_(config_.embedding_scale);
  const double eps = config_.rms_norm_eps;
  const auto norm = [&](const at::Tensor& weight) {
    ops::RmsNormResult result =
        ops::AddRmsNorm(stream.residual, stream.delta, weight, eps, compute_dtype());
    stream = {result.residual, at::Tensor()};
    return result;
  };
  for (size_t l = 0; l < weights_.layers.size(); ++l) {
    const LayerWeights& w = weights_.layers[l];
    LayerActivations a;
    const ops::RmsNormResult into_attention = norm(w[kAttentionNorm]);
    at::Tensor qkv = Qkv(into_attention.normed, l, keep ? &a : nullptr);
    ops::AttentionResult attention = attend(qkv, l);
    at::Tensor attended = attention.out;
    if (l + 1 == weights_.layers.size()) {
      attended = attended.index_select(0, reads);
      stream.residual = stream.residual.index_select(0, reads);
    }
    AddBlock(attended, l, kAttentionOut, kAttentionOutBias, kAttentionPostNorm, &stream,
             keep ? &a.attention_post_norm : nullptr);
    const ops::RmsNormResult into_mlp = norm(w[kMlpNorm]);
    AddBlock(GatedUnits(into_mlp.normed, l, keep ? &a.gate_up : nullptr), l, kDown, kDownBias,
             kMlpPostNorm, &stream, keep ? &a.mlp_post_norm : nullptr);
    if (keep) {
      a.residual = into_attention.residual, a.rstd = into_attention.rstd;
      a.normed = into_attention.normed, a.qkv = qkv, a.attention = std::move(attention);
      a.mlp_residual = into_mlp.residual, a.mlp_rstd = into_mlp.rstd;
      a.mlp_normed = into_mlp.normed;
      keep->layers.push_back(std::move(a));
    }
  }
  return stream;
}

at::Tensor Decoder::StepLogits(const PackedBatch& batch, Activations* keep) const {
  return HeadOutputs(ReadHidden(batch, keep));
}

at::Tensor Decoder::StepOutputs(const PrefixBatch& batch, ops::HeadActivation activation,
                                std::vector<ops::KvBlocks>* kept) const {
  return StepOutputs({ToDevice(batch.ids), ToDevice(batch.positions), ToDevice(batch.reads)},
                     ops::KvRuns(batch.runs), activation, kept);
}

at::Tensor Decoder::StepOutputs(const PrefixTensors& batch, const ops::KvRuns& runs,
                                ops::HeadActivation activation,
                                std::vector<ops::KvBlocks>* kept) const {
  const auto attend = [&](at::Tensor& qkv, size_t layer) {
    const ops::AttentionShape shape = AttentionOf(layer);
    ops::KvBlocks& kv = (*kept)[layer];
    ops::RotateAndKeep(qkv, batch.positions, rotary_, config_.rotary_layout, runs, shape, &kv);
    return ops::AttentionResult{ops::PrefixAttention(qkv, runs, shape, kv), {}};
  };
  const Stream stream = ReadStream(batch.ids, batch.reads, attend, nullptr);
  if (weights_.head_hidden.empty() && weights_.packed_head.empty() &&
      weights_.head_weight.dim() == 2) {
    return ops::ReadHead(stream.residual, stream.delta, weights_.final_norm, config_.rms_norm_eps,
                         weights_.head_weight, weights_.head_bias, activation);
  }
  return ops::Activate(HeadOutputs(FinalNorm(stream).normed), activation);
}

at::Tensor Decoder::HeadOutputs(at::Tensor hidden) const {
  const size_t hidden_layers = weights_.head_hidden.size();
  const auto layer = [&](size_t i, const at::Tensor& weight, const at::Tensor& bias) {
    return weights_.packed_head.empty() ? HeadLinear(hidden, weight, bias)
                                        : HeadLinear(hidden, weight, weights_.packed_head[i]);
  };
  for (size_t i = 0; i < hidden_layers; ++i) {
    hidden = layer(i, weights_.head_hidden[i].weight, weights_.head_hidden[i].bias).relu_();
  }
  const at::Tensor out = layer(hidden_layers, weights_.head_weight, weights_.head_bias);
  return out.dim() == 3 ? out.squeeze(-1).t() : out;
}

at::Tensor Decoder::OutputTable() const {
  return (weights_.lm_head.defined() ? weights_.lm_head : weights_.embedding).to(compute_dtype());
}

at::Tensor Decoder::LogitsOf(const at::Tensor& hidden, const at::Tensor& table) const {
  const at::Tensor logits = ops::MatMul(hidden.to(table.scalar_type()), table.t()).to(at::kFloat);
  const double cap = config_.logit_softcap;
  return cap > 0 ? (logits / cap).tanh() * cap : logits;
}

at::Tensor Decoder::VocabularyLogits(const PackedBatch& batch) const {
  return LogitsOf(ReadHidden(batch, nullptr), OutputTable());
}

at::Tensor Decoder::NextTokenLogProbs(const PackedBatch& batch) const {
  constexpr int64_t kRows = 256;
  if (batch.reads.empty()) return at::empty({0}, at::kFloat);
  std::vector<int64_t> next;
  for (const int64_t read : batch.reads) next.push_back(batch.ids.at(size_t(read) + 1));
  const at::Tensor tokens = ToDevice(next).unsqueeze(1), table = OutputTable(),
                   hidden = ReadHidden(batch, nullptr);
  std::vector<at::Tensor> parts;
  for (int64_t begin = 0; begin < hidden.size(0); begin += kRows) {
    const int64_t count = std::min(kRows, hidden.size(0) - begin);
    parts.push_back(LogitsOf(hidden.narrow(0, begin, count), table)
                        .log_softmax(-1)
                        .gather(1, tokens.narrow(0, begin, count))
                        .squeeze(1));
  }
  return at::cat(parts);
}

void Decoder::Backward(const PackedBatch& batch, const at::Tensor& grad_logits, Activations kept,
                       DecoderWeights* grads) const {
  const Rotation rotation = RotationOf(batch);
  const at::Tensor reads = ToDevice(batch.reads);
  grads->head_weight.add_(at::mm(grad_logits.t(), kept.final_norm.normed));
  grads->head_bias.add_(grad_logits.sum(0));
  ops::RmsNormGrads grad = ops::AddRmsNormBackward(
      at::mm(grad_logits, weights_.head_weight), {}, kept.final_norm.residual, kept.final_norm.rstd,
      weights_.final_norm, compute_dtype(), grads->final_norm);
  for (size_t l = weights_.layers.size(); l-- > 0;) {
    const LayerWeights& w = weights_.layers[l];
    LayerWeights& g = grads->layers[l];
    const ops::AttentionShape shape = AttentionOf(l);
    const LayerActivations a = std::move(kept.layers[l]);
    kept.layers.pop_back();

    const at::Tensor grad_down =
        NormRowsBackward(grad.residual_compute, a.mlp_post_norm, w[kMlpPostNorm], g[kMlpPostNorm]);
    const ops::GluGrads mlp =
        ops::GluBackward(ops::MatMul(grad_down, w[kDown]), a.gate_up, config_.activation);
    AddLinearGradients(grad_down, mlp.activation, g, kDown, kDownBias);
    AddLinearGradients(mlp.gate_up, a.mlp_normed, g, kGateUp, kGateUpBias);
    grad =
        ops::AddRmsNormBackward(ops::MatMul(mlp.gate_up, w[kGateUp]), grad.residual, a.mlp_residual,
                                a.mlp_rstd, w[kMlpNorm], compute_dtype(), g[kMlpNorm]);

    const at::Tensor grad_out = NormRowsBackward(grad.residual_compute, a.attention_post_norm,
                                                 w[kAttentionPostNorm], g[kAttentionPostNorm]);
    at::Tensor grad_attention = ops::MatMul(grad_out, w[kAttentionOut]), attended = a.attention.out;
    if (l + 1 == weights_.layers.size()) {
      attended = attended.index_select(0, reads);
      grad_attention = at::zeros_like(a.attention.out).index_copy_(0, reads, grad_attention);
      grad.residual = at::zeros_like(a.residual).index_copy_(0, reads, grad.residual);
    }
    AddLinearGradients(grad_out, attended, g, kAttentionOut, kAttentionOutBias);
    at::Tensor grad_qkv =
        ops::PackedAttentionBackward(grad_attention, a.qkv, a.attention, batch.offsets, shape);
    UnrotateQkv(a, l, rotation, &g, &grad_qkv);
    AddLinearGradients(grad_qkv, a.normed, g, kQkv, kQkvBias);
    grad = ops::AddRmsNormBackward(ops::MatMul(grad_qkv, w[kQkv]), grad.residual, a.residual,
                                   a.rstd, w[kAttentionNorm], compute_dtype(), g[kAttentionNorm]);
  }
  at::Tensor& grad_embedding = grad.residual;
  if (config_.embedding_scale != 1) grad_embedding.mul_(config_.embedding_scale);
  grads->embedding.index_add_(0, ToDevice(batch.ids), grad_embedding);
}

}  // namespace prm
