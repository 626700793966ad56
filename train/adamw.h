// AdamW over decoder weights with LibTorch's fused operator.
#pragma once

#include <string>

#include "model/decoder/decoder_weights.h"

namespace prm {

struct AdamWOptions {
  double lr = 5e-5;       // backbone
  double head_lr = 1e-3;  // step head
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;  // linear layers only, not norms, embedding or head bias
  double clip = 1.0;           // global gradient norm; 0: no clipping
};

// Source: Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2.
// Holds two moments per trained weight (float32, on the weights' device). One thread.
class AdamW {
 public:
  AdamW(const DecoderWeights& weights, AdamWOptions options);

  // Updates the weights in place, with learning rates scaled by lr_factor. Clips `grads` by their
  // global norm, then zeroes them. Returns the norm before clipping. Throws Error(kOutOfRange) if
  // it is not finite, and leaves the weights unchanged.
  double Step(DecoderWeights* weights, DecoderWeights* grads, double lr_factor);

  // Saves or loads both moments and the weights, in float32, as one safetensors file. Load throws
  // Error if a tensor is missing or has another shape.
  void Save(const DecoderWeights& weights, const std::filesystem::path& file) const;
  void Load(const std::filesystem::path& file, int64_t steps, DecoderWeights* weights);
  int64_t steps() const { return steps_; }

 private:
  struct Group {
    std::vector<size_t> members;  // indices into DecoderWeights::Trained()
    double lr;
    double weight_decay;
  };

  // Tensors of the state file with their names.
  std::vector<std::pair<std::string, at::Tensor>> State(const DecoderWeights& weights) const;

  AdamWOptions options_;
  std::vector<Group> groups_;
  std::vector<at::Tensor> mean_, square_;  // parallel to Trained()
  int64_t steps_ = 0;
};

}  // namespace prm
