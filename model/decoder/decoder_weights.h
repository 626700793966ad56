// The tensors of a Llama-family decoder with a step head; also the shape of its gradients and
// optimizer moments.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/config/families.h"
#include "model/config/model_config.h"
#include "model/decoder/product_choice.h"
#include "model/files/weights.h"
#include "model/ops/packed_linear.h"

namespace prm {

// By LayerPart; undefined where the family lacks it, and where it is packed.
struct LayerWeights {
  std::array<at::Tensor, kLayerParts.size()> parts;
  std::array<std::optional<ops::PackedLinear>, kLayerParts.size()> packed;
  at::Tensor& operator[](LayerPart part) { return parts[size_t(part)]; }
  const at::Tensor& operator[](LayerPart part) const { return parts[size_t(part)]; }
};

struct HeadLayer {
  at::Tensor weight, bias;
};

struct DecoderWeights {
  ops::WeightFormat format = ops::WeightFormat::kAsStored;  // of the layers' matrices
  at::Tensor embedding;                                     // [V, D]
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;  // [D]
  at::Tensor lm_head;     // [V, D]; undefined when tied or not loaded
  // The step head: linear layers [out, in], or those of an ensemble [members, in, out], whose
  // members are its outputs. Only a head of one layer [kNumLabels, D] is trained.
  std::vector<HeadLayer> head_hidden;  // each followed by ReLU; empty for one layer
  at::Tensor head_weight, head_bias;   // of the last layer
  // The head's layers once more, [layers][members], or empty.
  std::vector<std::vector<ops::PackedLinear>> packed_head;

  ProductChoice products;  // that was made for kAsChosen, of matrices as stored

  // The trained tensors in a fixed order (all but lm_head).
  std::vector<at::Tensor> Trained() const;
  // Values in those, packed ones included.
  int64_t num_parameters() const;
  // A copy with f applied to every defined tensor; f sees whether it belongs to a matrix product.
  DecoderWeights Map(const std::function<at::Tensor(const at::Tensor&, bool in_matmul)>& f) const;
};

// Which matrices lie in the order in which ops::PackedLinear reads them, on the CPU but for
// kAllCuda, and no longer row by row: for inference, Backward is impossible.
enum class Packing {
  kNone,      // but of narrow formats the layers', for LibTorch's body on any device
  kAsChosen,  // the layers' where WeightOptions::products says so, and all of narrow formats
  kAll,       // and the head's: StepLogits of a PrefixBatch is bitwise the same in any company
  kAllCuda,   // the same for the bodies of CUDA kernels
};

struct WeightOptions {
  const Head* head = nullptr;         // null: the head is left undefined
  bool lm_head = false;               // also load an untied lm_head, in dtype
  at::ScalarType dtype = at::kFloat;  // of the linear layers
  bool embedding_as_stored = false;   // else float32
  Packing packing = Packing::kNone;
  ops::WeightFormat format = ops::WeightFormat::kAsStored;  // of the layers' matrices
  std::string products = "auto";                            // ChooseProducts, for kAsChosen
};

// On the CPU, in Hugging Face's rotary layout; norms and head are float32. Every tensor is
// converted straight from the file's pages, which are given back when it is done, and packed while
// the next layer is read: nothing is held twice but one layer. Throws Error(kUnimplemented) where
// all are packed or a narrow format is asked for and there is no product of it for the dtype.
DecoderWeights LoadDecoderWeights(const WeightSource& source, const WeightOptions& options);

// The linear layers in `dtype`, or as they are packed, everything else float32, all on `device`;
// tensors that already fit are shared, not copied.
DecoderWeights ForCompute(const DecoderWeights& weights, at::ScalarType dtype, at::Device device);

// A new head: weights normal with standard deviation 0.001 by `seed`, bias zero. So small that what
// it adds at random does not amplify the rounding of bfloat16 products for the whole run.
void InitializeHead(DecoderWeights* weights, uint64_t seed);

// Writes model.safetensors (each tensor in its own dtype, bfloat16 or float32; Hugging Face names,
// the rotary layout of `config`).
void SaveDecoderWeights(const DecoderWeights& weights, const ModelConfig& config,
                        const std::filesystem::path& file);

// Packs a model in memory; throws as LoadDecoderWeights.
void PackWeights(Packing packing, DecoderWeights* weights,
                 ops::WeightFormat format = ops::WeightFormat::kAsStored);

// Reorders the rows of q_proj and k_proj from pairs (2i, 2i+1) to pairs (i, i + C/2): to Hugging
// Face's layout from the other.
void ConvertToHalfLayout(const ModelConfig& config, LayerWeights* layer);

}  // namespace prm
