// The tensors of a Llama-family decoder with a step head; also the shape of its gradients and
// optimizer moments.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "model/families.h"
#include "model/model_config.h"
#include "model/weights.h"

namespace prm {

// By LayerPart; undefined where the family lacks it.
struct LayerWeights {
  std::array<at::Tensor, kLayerParts.size()> parts;
  at::Tensor& operator[](LayerPart part) { return parts[size_t(part)]; }
  const at::Tensor& operator[](LayerPart part) const { return parts[size_t(part)]; }
};

struct HeadLayer {
  at::Tensor weight, bias;
};

struct DecoderWeights {
  at::Tensor embedding;  // [V, D]
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;  // [D]
  at::Tensor lm_head;     // [V, D]; undefined when tied or not loaded
  // The step head: linear layers [out, in], or those of an ensemble [members, in, out], whose
  // members are its outputs. Only a head of one layer [kNumLabels, D] is trained.
  std::vector<HeadLayer> head_hidden;  // each followed by ReLU; empty for one layer
  at::Tensor head_weight, head_bias;   // of the last layer

  // The trained tensors in a fixed order (all but lm_head).
  std::vector<at::Tensor> Trained() const;
  // A copy with f applied to every defined tensor; f sees whether it belongs to a matrix product.
  DecoderWeights Map(const std::function<at::Tensor(const at::Tensor&, bool in_matmul)>& f) const;
};

struct WeightOptions {
  const Head* head = nullptr;         // null: the head is left undefined
  bool lm_head = false;               // also load an untied lm_head, in dtype
  at::ScalarType dtype = at::kFloat;  // of the linear layers
  bool embedding_as_stored = false;   // else float32
};

// On the CPU; norms and head are float32. Every tensor is converted straight from the file's pages,
// which are given back when it is done: nothing is held twice.
DecoderWeights LoadDecoderWeights(const WeightSource& source, const WeightOptions& options);

// The linear layers in `dtype`, everything else float32, all on `device`; tensors that already fit
// are shared, not copied.
DecoderWeights ForCompute(const DecoderWeights& weights, at::ScalarType dtype, at::Device device);

// A new head: weights normal with standard deviation 0.001 by `seed`, bias zero. So small that what
// it adds at random does not amplify the rounding of bfloat16 products for the whole run.
void InitializeHead(DecoderWeights* weights, uint64_t seed);

// Writes model.safetensors (each tensor in its own dtype, bfloat16 or float32; Hugging Face names,
// the rotary layout of `config`).
void SaveDecoderWeights(const DecoderWeights& weights, const ModelConfig& config,
                        const std::filesystem::path& file);

// Reorders the rows of every q_proj and k_proj from pairs (2i, 2i+1) to pairs (i, i + C/2), so that
// the model is in Hugging Face's layout; sets config->rotary_layout. No-op when it is there
// already.
void ConvertToHalfLayout(DecoderWeights* weights, ModelConfig* config);

}  // namespace prm
