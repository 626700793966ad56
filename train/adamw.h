// AdamW over decoder weights by LibTorch's fused operator.
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
  double weight_decay = 0.01;  // linear layers only: not norms, embedding, head bias
  double clip = 1.0;           // global gradient norm; 0: no clipping
};

// Source: Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2.
// Holds both moments of every trained weight (float32, on the weights' device). One thread.
class AdamW {
 public:
  AdamW(const DecoderWeights& weights, AdamWOptions options);

  // One step in place with learning rates scaled by lr_factor; clips `grads` by their global norm
  // and zeroes them. Returns the norm before clipping; throws Error(kOutOfRange) when it is not
  // finite, with the weights untouched.
  double Step(DecoderWeights* weights, DecoderWeights* grads, double lr_factor);

  // Both moments and the weights that they move, in float32, as one safetensors file; Load throws
  // Error when a tensor is missing or of another shape.
  void Save(const DecoderWeights& weights, const std::filesystem::path& file) const;
  void Load(const std::filesystem::path& file, int64_t steps, DecoderWeights* weights);
  int64_t steps() const { return steps_; }

 private:
  struct Group {
    std::vector<size_t> members;  // indices into DecoderWeights::Trained()
    double lr;
    double weight_decay;
  };

  // Names in the state's file and their tensors.
  std::vector<std::pair<std::string, at::Tensor>> State(const DecoderWeights& weights) const;

  AdamWOptions options_;
  std::vector<Group> groups_;
  std::vector<at::Tensor> mean_, square_;  // parallel to Trained()
  int64_t steps_ = 0;
};

}  // namespace prm
