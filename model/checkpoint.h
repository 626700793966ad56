// Models from and to disk, with tensors: a backbone or checkpoint in, a checkpoint folder out.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/tokenizer.h"
#include "model/checkpoint_files.h"
#include "model/decoder.h"
#include "model/prm_json.h"

namespace prm {

struct LoadedModel {
  ModelConfig config;
  DecoderWeights weights;  // float32, CPU, Hugging Face's rotary layout
  std::shared_ptr<const Tokenizer> tokenizer;
  std::optional<PrmJson> prm;  // absent for a bare backbone
  bool prepend_bos = false;    // the backbone expects BOS before its text
};

// A GGUF file, a Hugging Face folder, or a checkpoint folder. Throws Error.
LoadedModel LoadModel(const std::filesystem::path& path, bool with_lm_head = false);

// Step label probabilities of B traces in one packed batch: [B][S_b]. Softmax in float32.
std::vector<std::vector<LabelProbs>> StepProbabilities(const Decoder& decoder,
                                                       std::span<const TraceTokens> traces);

// Writes config.json, model.safetensors, the tokenizer's files and prm.json into writer.folder().
// The caller may add files, and commits. prm.self_tests must be set.
void WriteCheckpoint(const Decoder& decoder, const Tokenizer& tokenizer, const PrmJson& prm,
                     CheckpointWriter* writer);

// Largest |p - expected| over the self-tests. Throws Error(kDataLoss) naming `where` and the test
// when it exceeds 1e-4 (float32) or 2e-2 (otherwise).
double CheckSelfTests(const Decoder& decoder, const PrmJson& prm, const std::string& where);

}  // namespace prm
