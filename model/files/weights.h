// The weights of a model by Hugging Face name, from any supported file format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/tokenizers/tokenizer.h"
#include "model/config/model_config.h"
#include "model/config/scoring_format.h"
#include "model/files/tensor_view.h"

namespace prm {

struct ExpectedTensor {
  std::string name;
  std::vector<int64_t> shape;  // [out, in] for a linear layer
  bool required = true;
};

// All tensors that a backbone of this shape may have, in layer order: model.embed_tokens.weight [V,
// D], model.layers.N.*, model.norm.weight [D], lm_head.weight [V, D] (unless tied).
std::vector<ExpectedTensor> ExpectedTensors(const ModelConfig& config);

// A model's open files. Names and shapes are already checked against ExpectedTensors(config()) and
// the head. Immutable: any thread.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual const ModelConfig& config() const = 0;
  // In the order of ExpectedTensors, then the head's; absent tensors are left out.
  virtual std::vector<std::string> names() const = 0;
  virtual bool Has(const std::string& name) const = 0;
  // Borrows from this source. The rows of q_proj and k_proj are in stored order, as given by
  // config().rotary_layout. Throws Error(kNotFound) if there is no such tensor.
  virtual const TensorView& View(const std::string& name) const = 0;
  // Call after reading tensors. Throws Error(kDataLoss) with the path if a file became shorter
  // since it was opened; what was read of it was then partly zeros.
  virtual void CheckWhole() const = 0;
  // Opened on the first call and kept. Throws Error naming the file if it is missing or wrong.
  virtual std::shared_ptr<const Tokenizer> tokenizer() const = 0;
  // Whether the model was trained with BOS before its text, according to the files: GGUF's
  // add_bos_token; add_bos_token of tokenizer_config.json, else the post-processor of
  // tokenizer.json; true for a SentencePiece tokenizer.model without such information.
  virtual bool prepend_bos() const = 0;
};

// Opens a `.gguf` file, or a Hugging Face folder: config.json with model.safetensors or
// model.safetensors.index.json and its shards. Throws Error naming the file and all missing, extra
// or wrong-shape tensors. With `head`, the head's tensors are required too, and `lm_head.weight`
// may be absent if the head does not read it.
std::unique_ptr<WeightSource> OpenWeights(const std::filesystem::path& path,
                                          const Head* head = nullptr);

}  // namespace prm
