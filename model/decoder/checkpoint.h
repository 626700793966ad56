// Loads and saves models as tensors: a backbone or checkpoint in, a checkpoint folder out.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/scores.h"
#include "data/tokenizers/tokenizer.h"
#include "model/decoder/compute_target.h"
#include "model/decoder/decoder.h"
#include "model/files/checkpoint_files.h"
#include "model/files/prm_json.h"
#include "model/ops/head.h"
#include "model/ops/packed_linear.h"

namespace prm {

struct LoadedModel {
  ModelConfig config;
  DecoderWeights weights;  // on the CPU, Hugging Face's rotary layout
  std::shared_ptr<const Tokenizer> tokenizer;
  std::optional<PrmJson> prm;  // absent for a bare backbone
  bool prepend_bos = false;    // the backbone expects BOS before its text
};

// Loads a GGUF file, a Hugging Face folder, or a checkpoint folder. The head of a checkpoint is
// described by its prm.json. With `verify`, its files (except those of training) are checked
// against the sums there. Throws Error.
LoadedModel LoadModel(const std::filesystem::path& path, WeightOptions options = {},
                      bool with_tokenizer = true, bool verify = true);

// The function that turns the decoder's logits into probabilities.
ops::HeadActivation ActivationOf(const Head& head, const ModelConfig& config);
// Converts outputs [S, outputs] of Decoder::StepOutputs with that activation to scores [S].
std::vector<StepScore> ScoresOfOutputs(at::Tensor outputs, const Head& head);

bool IsFinite(const StepScore& score);
// Throws ScoreNotFinite for the first step with a score that is not finite; names one of many
// traces.
void CheckFinite(std::span<const TraceScores> scores);

// Scores B traces in one packed batch: [B], with S_b steps each. `head` must match the weights;
// `reference` is the second model of an implicit PRM.
std::vector<TraceScores> ScoreSteps(const Decoder& decoder, const Head& head,
                                    std::span<const TraceTokens> traces,
                                    const Decoder* reference = nullptr);

// Makes the decoder on its device; moves the weights out of `model`.
Decoder MakeDecoder(LoadedModel* model, const ComputeTarget& target);
// Loads the reference model of an implicit PRM: a bare language model. Throws Error.
Decoder LoadReference(const std::filesystem::path& folder, const ComputeTarget& target,
                      ops::WeightFormat format = ops::WeightFormat::kAsStored,
                      const std::string& products = "auto");

// Writes config.json, model.safetensors and the tokenizer's files into writer.folder(). The caller
// may add files, and must call CommitCheckpoint.
void WriteCheckpoint(const Decoder& decoder, const Tokenizer& tokenizer, CheckpointWriter* writer);

}  // namespace prm
