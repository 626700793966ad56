// Checkpoints for other programs: transformers, vLLM, llama.cpp.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "model/files/tensor_view.h"

namespace prm {

// What a folder written by ExportFolder is for.
enum class FolderTarget {
  // AutoModelForTokenClassification: a head of one linear layer `score` under a softmax.
  kTransformers,
  // The same, and vllm_pooler.json, the value of vLLM's --pooler-config. Two rows of lm_head under
  // a softmax are written as the linear layer that they are: the adapter that vLLM puts around a
  // causal model has no lm_head, and its returned_token_ids pick hidden channels
  // (vllm-project/vllm issue 16545), so that key is never written. Two layers score.0 and score.2
  // over Qwen2 are Qwen2ForProcessRewardModel. Steps must be read at one control token.
  kVllm,
};

// Writes the checkpoint folder `model` as the folder `out`, which other programs and this one load:
// weights bit for bit in one file, config.json, the tokenizer's files, prm.json, and README.md, a
// model card. `out` appears whole or not at all. With `verify`, the checkpoint's files are compared
// with its sums. Throws Error: kUnimplemented with the reason where the target cannot express the
// head or the format, kInvalidArgument where `out` is `model`, kAlreadyExists where it is there and
// no empty folder.
void ExportFolder(const std::filesystem::path& model, const std::filesystem::path& out,
                  FolderTarget target, bool verify = true);

// Writes the backbone of the folder `model`, a checkpoint or not, as the GGUF file `out` that
// llama.cpp loads. Matrices get `matrices`, or stay as stored; norms and biases are float32. `out`
// appears whole or not at all. Returns what the file does not hold, a line each. Throws
// Error(kUnimplemented) naming the architecture, rope scaling or tokenizer that GGUF has no name
// for.
std::string ExportGguf(const std::filesystem::path& model, const std::filesystem::path& out,
                       std::optional<DType> matrices, bool verify = true);

}  // namespace prm
