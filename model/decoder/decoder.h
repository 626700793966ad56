// The decoder: forward to step logits, and the backward pass for training.
//
// Source: Touvron et al. 2023, "LLaMA", section 2.2 (pre-normalisation, SwiGLU, rotary positions),
// plus the additions of model/config/families.h: biases, query and key norms (Qwen3), norms after
// each block and capped scores (Gemma Team 2024, "Gemma 2", section 2), windows (Mistral). Written
// without autograd: only the activations that the backward pass reads are saved, and fused
// element-wise passes have their gradients in model/ops. Matrix products run in the dtype of the
// weights; the residual stream is float32.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "model/decoder/decoder_weights.h"
#include "model/decoder/packed_batch.h"
#include "model/ops/attention.h"
#include "model/ops/head.h"
#include "model/ops/packed_linear.h"
#include "model/ops/prefix_attention.h"
#include "model/ops/rms_norm.h"
#include "model/ops/rotary.h"

namespace prm {

// RMSNorm of rows outside the residual stream: query and key heads, or block outputs.
struct NormActivations {
  at::Tensor input;  // [rows, width] float32
  at::Tensor rstd;   // [rows]
};

// What a forward pass saves for Backward. R rows: T, except S (the reads) after the attention of
// the last layer, since only these are needed there.
struct LayerActivations {
  at::Tensor residual, rstd, normed;              // [T, D], [T], [T, D]: input of attention
  NormActivations query_norm, key_norm;           // [T*H, C], [T*K, C]
  at::Tensor qkv;                                 // [T, (H + 2K)*C], rotated
  ops::AttentionResult attention;                 // [T, H*C]
  NormActivations attention_post_norm;            // [R, D]
  at::Tensor mlp_residual, mlp_rstd, mlp_normed;  // [R, D], [R], [R, D]
  at::Tensor gate_up;                             // [R, 2F]
  NormActivations mlp_post_norm;                  // [R, D]
};
struct Activations {
  std::vector<LayerActivations> layers;
  ops::RmsNormResult final_norm;  // [S, D]
};

// T new tokens of traces, in runs. Each run follows tokens whose keys and values are kept.
struct PrefixBatch {
  std::vector<int64_t> ids;        // [T]
  std::vector<int64_t> positions;  // [T]
  std::vector<int64_t> reads;      // [S] rows at which steps are read
  std::vector<ops::KvRun> runs;    // cover all rows
};

// The same on the weights' device, int64. Rows that no run covers are padding.
struct PrefixTensors {
  at::Tensor ids, positions, reads;
};

// Immutable except for its weights; one thread at a time.
class Decoder {
 public:
  // `config` and `weights` must fit (LoadDecoderWeights). Weights are shared, not copied.
  Decoder(ModelConfig config, DecoderWeights weights);

  // Returns the head's outputs [S, outputs] float32 at batch.reads, on the weights' device. Fills
  // `keep`, if given (only for a head of one layer), for Backward. Positions: below
  // max_positions().
  at::Tensor StepLogits(const PackedBatch& batch, Activations* keep = nullptr) const;

  // The same for tokens that continue traces, with `activation` applied. Reads keys and values of
  // earlier tokens from `kept` (one entry per layer) and adds those of the batch. Positions must be
  // below those at which a dynamic rope scaling changes the angles.
  at::Tensor StepOutputs(const PrefixBatch& batch, ops::HeadActivation activation,
                         std::vector<ops::KvBlocks>* kept) const;
  // On a GPU whose kernels support the model, reads only `runs.device()` from the host.
  at::Tensor StepOutputs(const PrefixTensors& batch, const ops::KvRuns& runs,
                         ops::HeadActivation activation, std::vector<ops::KvBlocks>* kept) const;

  // Adds the gradients of all trained weights to `grads` (float32). Frees `kept` as it goes.
  void Backward(const PackedBatch& batch, const at::Tensor& grad_logits, Activations kept,
                DecoderWeights* grads) const;

  // Logits over the vocabulary [S, V] at batch.reads, to check against language-model values.
  at::Tensor VocabularyLogits(const PackedBatch& batch) const;
  // log p of the token after each of batch.reads, [S] float32, computed some hundred rows at a
  // time.
  at::Tensor NextTokenLogProbs(const PackedBatch& batch) const;

  ops::AttentionShape AttentionOf(size_t layer) const;
  // Dtype of the matrix products, and of keys and values.
  at::ScalarType compute_dtype() const { return dtype_; }
  const ModelConfig& config() const { return config_; }
  const DecoderWeights& weights() const { return weights_; }
  // Replaces the weights by others of the same shapes and dtypes.
  void SetWeights(DecoderWeights weights) { weights_ = std::move(weights); }

 private:
  // A rotary table, and the row of it for each token of a batch.
  struct Rotation {
    ops::RotaryTable table;
    at::Tensor rows;  // [T] int64
  };
  Rotation RotationOf(const PackedBatch& batch) const;
  // The residual stream [T, D] float32, and the last block's output: undefined once added.
  struct Stream {
    at::Tensor residual, delta;
  };
  at::Tensor Linear(const at::Tensor& x, size_t layer, LayerPart weight, LayerPart bias) const;
  // The input of the feed-forward block's last product.
  at::Tensor GatedUnits(const at::Tensor& normed, size_t layer, at::Tensor* keep_gate_up) const;
  // A block's last product, then its norm if the family has one.
  void AddBlock(const at::Tensor& x, size_t layer, LayerPart weight, LayerPart bias,
                LayerPart post_norm, Stream* stream, NormActivations* keep) const;
  // Queries, keys and values [T, (H + 2K)*C], normed by head if the family does so.
  at::Tensor Qkv(const at::Tensor& normed, size_t layer, LayerActivations* keep) const;
  // Turns the gradient of Qkv's rotated result into that of its linear layer's output.
  void UnrotateQkv(const LayerActivations& kept, size_t layer, const Rotation& rotation,
                   LayerWeights* grads, at::Tensor* grad_qkv) const;
  // Logits of hidden [S, D] with the output layer's weights `table` [V, D], softcap included.
  at::Tensor LogitsOf(const at::Tensor& hidden, const at::Tensor& table) const;
  at::Tensor OutputTable() const;  // in the compute dtype
  // Final normalised hidden states [S, D] float32 at batch.reads.
  at::Tensor ReadHidden(const PackedBatch& batch, Activations* keep) const;
  // Rotates the queries and keys of qkv [T, (H + 2K)*C] and returns the layer's attention.
  using Attention = std::function<ops::AttentionResult(at::Tensor& qkv, size_t layer)>;
  // The stream [S, D] at `reads` after the last layer. Both inputs: int64 on the weights' device.
  Stream ReadStream(const at::Tensor& ids, const at::Tensor& reads, const Attention& attend,
                    Activations* keep) const;
  ops::RmsNormResult FinalNorm(const Stream& stream) const;
  at::Tensor HeadOutputs(at::Tensor hidden) const;

  at::Tensor ToDevice(const std::vector<int64_t>& values) const;

  const ops::PackedLinear* Packed(size_t layer, LayerPart part) const;

  ModelConfig config_;
  DecoderWeights weights_;
  at::ScalarType dtype_;
  ops::RotaryTable rotary_;
};

}  // namespace prm
