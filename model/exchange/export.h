// Exports checkpoints for other programs: transformers, vLLM, llama.cpp.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "model/files/tensor_view.h"

namespace prm {

// The program that a folder of ExportFolder is for.
enum class FolderTarget {
  // AutoModelForTokenClassification: a head of one linear layer `score` under a softmax.
  kTransformers,
  // The same, plus vllm_pooler.json, the value of vLLM's --pooler-config. A head of two lm_head
  // rows under a softmax is written as the equivalent linear layer: vLLM's adapter for causal
  // models has no lm_head, and its returned_token_ids pick hidden channels (vllm-project/vllm issue
  // 16545), so that key is never written. Two layers score.0 and score.2 over Qwen2 become
  // Qwen2ForProcessRewardModel. Steps must be read at one control token.
  kVllm,
};

// Writes the checkpoint folder `model` as the folder `out`, which this program and others can load:
// weights bit for bit in one file, config.json, the tokenizer's files, prm.json, and a model card
// README.md. `out` appears complete or not at all. With `verify`, checks the checkpoint's files
// against its sums. Throws Error: kUnimplemented with the reason if the target cannot express the
// head or the format, kInvalidArgument if `out` is `model`, kAlreadyExists if `out` exists and is
// not an empty folder.
void ExportFolder(const std::filesystem::path& model, const std::filesystem::path& out,
                  FolderTarget target, bool verify = true);

// Writes the backbone of the folder `model`, a checkpoint or not, as the GGUF file `out` for
// llama.cpp. Matrices get the type `matrices`, or stay as stored; norms and biases are float32.
// `out` appears complete or not at all. Returns what the file lacks, one line each. Throws
// Error(kUnimplemented) naming an architecture, rope scaling or tokenizer that GGUF cannot
// describe.
std::string ExportGguf(const std::filesystem::path& model, const std::filesystem::path& out,
                       std::optional<DType> matrices, bool verify = true);

}  // namespace prm
