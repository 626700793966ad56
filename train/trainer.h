// One training run: its state, single optimizer steps, saving and resuming.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/decoder/checkpoint.h"
#include "model/decoder/compute_target.h"
#include "train/adamw.h"
#include "train/examples.h"
#include "train/loss.h"
#include "train/schedule.h"
#include "train/trainer_state.h"

namespace prm {

struct TrainerOptions {
  int epochs = 1;
  int64_t tokens = 0;           // stop after this many training tokens; 0: all epochs
  int64_t batch_tokens = 4096;  // per optimizer step
  int64_t micro_tokens = 4096;  // per forward and backward pass; bounds memory
  double warmup = 0.05;         // share of the run
  double lr_floor = 0.1;        // final share of the learning rate
  uint64_t seed = 1;            // order of examples and the new head
  AdamWOptions adamw;
  LossOptions loss;
};

struct StepReport {
  int64_t step = 0;    // optimizer steps done
  int64_t tokens = 0;  // training tokens seen
  double loss = 0.0;   // of this step, averaged over the weights of its labelled steps
  double grad_norm = 0.0;
  double lr = 0.0;
};

// Owns master weights (float32), their copy in the compute dtype, gradients and moments. With the
// same state, data, options and number of threads, further steps are bit-identical on the CPU. One
// thread.
class Trainer {
 public:
  // Consumes `model`. Initialises a missing head from options.seed.
  Trainer(LoadedModel model, std::vector<Example> examples, const ComputeTarget& target,
          TrainerOptions options);

  bool Done() const;
  // 0 at the start, 1 when Done().
  double Progress() const;
  int64_t total_tokens() const { return total_tokens_; }
  int64_t tokens_seen() const { return tokens_seen_; }
  int64_t steps() const { return optimizer_.steps(); }
  int epoch() const { return epoch_; }

  // Throws Error naming the step if its loss or gradient norm is not finite; weights are unchanged.
  StepReport Step();

  // The current model in the compute dtype. The effect of the class weights is removed from the
  // head's bias, so that probabilities are those of the unweighted data. Source: Elkan 2001, "The
  // Foundations of Cost-Sensitive Learning", theorem 2. Shares weights with this object.
  Decoder Exported() const;
  // The optimizer's float32 weights; the effect of class weights is in the head's bias.
  const DecoderWeights& master() const { return master_; }

  // Everything that determines the next numbers, by name: options, number format and data.
  nlohmann::ordered_json Options() const;

  // Writes optimizer.safetensors (the float32 weights and both moments) and trainer.json next to a
  // checkpoint, for Resume. trainer.json is `run` plus this object's counts and Options().
  void SaveState(CheckpointWriter* writer, TrainerState run) const;
  // Continues from a folder with both files, and returns the saved state. Throws Error naming each
  // option that differs now (`run_options`: those of SaveState's `run`), and anything in the files
  // that does not fit.
  TrainerState Resume(const std::filesystem::path& folder,
                      const nlohmann::ordered_json& run_options = nlohmann::ordered_json::object());

 private:
  void StartEpoch();
  void RefreshComputeWeights();
  void CheckPosition(const TrainerState& saved, const std::filesystem::path& file) const;
  double MicroBatch(const std::vector<size_t>& members, double scale);

  TrainerOptions options_;
  ComputeTarget target_;
  ModelConfig config_;
  std::vector<Example> examples_;
  std::vector<int64_t> lengths_;
  DecoderWeights master_, grads_;
  Decoder compute_;
  AdamW optimizer_;

  std::vector<StepPlan> plan_;
  size_t next_step_ = 0;  // index into plan_
  int epoch_ = 0;
  int64_t tokens_seen_ = 0;
  int64_t total_tokens_ = 0;
};

}  // namespace prm
