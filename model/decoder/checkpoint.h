// Models from and to disk, with tensors: a backbone or checkpoint in, a checkpoint folder out.
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

// A GGUF file, a Hugging Face folder, or a checkpoint folder, whose prm.json says what its head is
// and, with `verify`, which sums its files have, but for those of training. Throws Error.
LoadedModel LoadModel(const std::filesystem::path& path, WeightOptions options = {},
                      bool with_tokenizer = true, bool verify = true);

// What makes probabilities of the decoder's logits.
ops::HeadActivation ActivationOf(const Head& head, const ModelConfig& config);
// What the outputs [S, outputs] of Decoder::StepOutputs with that mean: [S].
std::vector<StepScore> ScoresOfOutputs(at::Tensor outputs, const Head& head);

bool IsFinite(const StepScore& score);
// Throws ScoreNotFinite that names the first step whose score is no finite number, and of more
// than one trace the trace.
void CheckFinite(std::span<const TraceScores> scores);

// Scores of B traces in one packed batch: [B], of S_b steps each. `head` is that of the weights;
// `reference` the second model of an implicit one.
std::vector<TraceScores> ScoreSteps(const Decoder& decoder, const Head& head,
                                    std::span<const TraceTokens> traces,
                                    const Decoder* reference = nullptr);

// The decoder of a model, on its device; takes the weights out of `model`.
Decoder MakeDecoder(LoadedModel* model, const ComputeTarget& target);
// The reference model of an implicit PRM: a bare language model. Throws Error.
Decoder LoadReference(const std::filesystem::path& folder, const ComputeTarget& target,
                      ops::WeightFormat format = ops::WeightFormat::kAsStored,
                      const std::string& products = "auto");

// Writes config.json, model.safetensors and the tokenizer's files into writer.folder(). The caller
// may add files, and calls CommitCheckpoint.
void WriteCheckpoint(const Decoder& decoder, const Tokenizer& tokenizer, CheckpointWriter* writer);

}  // namespace prm
