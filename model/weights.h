// The weights of a model by Hugging Face name, whatever file they lie in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/tokenizer.h"
#include "model/model_config.h"

namespace prm {

struct ExpectedTensor {
  std::string name;
  std::vector<int64_t> shape;  // [out, in] of a linear layer
  bool required = true;
};

// Every tensor that a model of this shape may have, in the order of the layers:
// model.embed_tokens.weight [V, D], model.layers.N.*, model.norm.weight [D], lm_head.weight [V, D]
// (unless tied), score.weight [kNumLabels, D] and score.bias [kNumLabels] (not required).
std::vector<ExpectedTensor> ExpectedTensors(const ModelConfig& config);

// A model's files, open. Names and shapes have been checked against ExpectedTensors(config()).
// Immutable: any thread.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual const ModelConfig& config() const = 0;
  // In the order of ExpectedTensors; without those that are not required and absent.
  virtual std::vector<std::string> names() const = 0;
  virtual bool Has(const std::string& name) const = 0;
  // Throws Error(kNotFound) if there is no tensor of this name.
  virtual std::vector<int64_t> shape(const std::string& name) const = 0;
  // Converts or dequantises into `out` [product of shape(name)]. The rows of q_proj and k_proj stay
  // in stored order; config().rotary_layout says what they are.
  virtual void ReadFloat32(const std::string& name, std::span<float> out) const = 0;
  // Opened at the first call and kept. Throws Error naming the file if it is missing or wrong.
  virtual std::shared_ptr<const Tokenizer> tokenizer() const = 0;
  // Whether the model was trained with BOS before its text, as the files say: GGUF's
  // add_bos_token; add_bos_token of tokenizer_config.json, else the post-processor of
  // tokenizer.json; true for a SentencePiece tokenizer.model that nothing is said about.
  virtual bool prepend_bos() const = 0;
};

// Opens a `.gguf` file, or a Hugging Face folder: config.json with model.safetensors or
// model.safetensors.index.json and its shards. Throws Error naming the file and all missing, extra
// or wrong-shape tensors. `lm_head.weight` may be absent where a `score.weight` is there.
std::unique_ptr<WeightSource> OpenWeights(const std::filesystem::path& path);

}  // namespace prm
