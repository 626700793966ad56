// The tensors of a Llama-family decoder with a step head, also used for gradients and moments.
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

// By LayerPart; undefined if the family lacks the part or it is packed.
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
  // The step head: linear layers [out, in], or an ensemble [members, in, out] with one output per
  // member. Only a head of one layer [kNumLabels, D] can be trained.
  std::vector<HeadLayer> head_hidden;  // each followed by ReLU; empty for a head of one layer
  at::Tensor head_weight, head_bias;   // of the last layer
  // Packed copies of the head's layers, [layers][members], or empty.
  std::vector<std::vector<ops::PackedLinear>> packed_head;

  ProductChoice products;  // used by kAsChosen, for matrices as stored

  // The trained tensors in a fixed order (all except lm_head).
  std::vector<at::Tensor> Trained() const;
  // Number of values in those, packed ones included.
  int64_t num_parameters() const;
  // A copy with f applied to every defined tensor; in_matmul: it belongs to a matrix product.
  DecoderWeights Map(const std::function<at::Tensor(const at::Tensor&, bool in_matmul)>& f) const;
};

// Which weight matrices are repacked for ops::PackedLinear. Repacked weights are for inference
// only: Backward throws. CPU, except kAllCuda.
enum class Packing {
  kNone,      // only layers in a narrow format, for LibTorch's body on any device
  kAsChosen,  // the layers if WeightOptions::products chooses panels, or the format is narrow
  kAll,       // also the head: StepOutputs are bitwise the same in any batch
  kAllCuda,   // the same for the CUDA kernels
};

struct WeightOptions {
  const Head* head = nullptr;         // null: the head stays undefined
  bool lm_head = false;               // also load an untied lm_head, in dtype
  at::ScalarType dtype = at::kFloat;  // of the linear layers
  bool embedding_as_stored = false;   // else float32
  Packing packing = Packing::kNone;
  ops::WeightFormat format = ops::WeightFormat::kAsStored;  // of the layers' matrices
  std::string products = "auto";                            // for kAsChosen: see ChooseProducts
};

// Loads onto the CPU, in Hugging Face's rotary layout; norms and head are float32. Tensors are
// converted straight from the file's pages, which are then released, and packed while the next
// layer is read: at most one layer is in memory twice. Throws Error(kUnimplemented) if kAll,
// kAllCuda or a narrow format is requested and has no product for the dtype.
DecoderWeights LoadDecoderWeights(const WeightSource& source, const WeightOptions& options);

// Returns the linear layers in `dtype`, or as they are packed, and everything else in float32, all
// on `device`. Tensors that already fit are shared, not copied.
DecoderWeights ForCompute(const DecoderWeights& weights, at::ScalarType dtype, at::Device device);

// Makes a new head: weights normal with standard deviation 0.001 from `seed`, bias zero. A larger
// random contribution would amplify the rounding of bfloat16 products for the whole run.
void InitializeHead(DecoderWeights* weights, uint64_t seed);

// Writes model.safetensors: each tensor in its own dtype (bfloat16 or float32), with Hugging Face
// names and the rotary layout of `config`.
void SaveDecoderWeights(const DecoderWeights& weights, const ModelConfig& config,
                        const std::filesystem::path& file);

// Packs a model in memory. Throws as LoadDecoderWeights.
void PackWeights(Packing packing, DecoderWeights* weights,
                 ops::WeightFormat format = ops::WeightFormat::kAsStored);

// Reorders the rows of q_proj and k_proj from pairs (2i, 2i+1) to pairs (i, i + C/2), which is
// Hugging Face's layout.
void ConvertToHalfLayout(const ModelConfig& config, LayerWeights* layer);

}  // namespace prm
