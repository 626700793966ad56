// prm train
#include <CLI/CLI.hpp>
#include <limits>

#include "data/command_flags.h"
#include "data/io/text_io.h"
#include "model/commands.h"
#include "train/commands.h"
#include "train/run.h"

namespace prm {
namespace {

constexpr int64_t kMaxTokens = 1'000'000'000'000'000;
constexpr int64_t kMaxBatchTokens = 1'000'000'000;
constexpr double kMaxRate = 1e38;  // of what is a float32 at last
constexpr float kMinWeight = 1e-6f, kMaxWeight = 1e6f;

void AddScheduleFlags(CLI::App* train, RunOptions* o) {
  TrainerOptions& t = o->trainer;
  AddNumber(train, "--epochs", t.epochs, 1, 1000, "Passes over the data");
  AddNumber(train, "--tokens", t.tokens, 0, kMaxTokens,
            "Stop after this many training tokens; 0: after --epochs");
  AddNumber(train, "--batch-tokens", t.batch_tokens, 1, kMaxBatchTokens,
            "Tokens per optimizer step");
  AddNumber(train, "--micro-tokens", t.micro_tokens, 1, kMaxBatchTokens,
            "Tokens per forward and backward pass; bounds memory");
  AddNumber(train, "--lr", t.adamw.lr, 0, kMaxRate, "Learning rate of the backbone");
  AddNumber(train, "--head-lr", t.adamw.head_lr, 0, kMaxRate, "Learning rate of the step head");
  AddNumber(train, "--weight-decay", t.adamw.weight_decay, 0, kMaxRate,
            "Of the linear layers, as a share of the learning rate");
  AddNumber(train, "--clip", t.adamw.clip, 0, kMaxRate, "Largest global gradient norm; 0: none");
  AddNumber(train, "--warmup", t.warmup, 0, 1, "Share of the run in which the learning rate rises");
  AddNumber(train, "--lr-floor", t.lr_floor, 0, 1, "Learning rate at the end, as a share of --lr");
  const NumberRange<float> weights{kMinWeight, kMaxWeight};
  train
      ->add_option("--class-weights", t.loss.class_weights,
                   "Loss weights: necessary,redundant,incorrect,incomplete")
      ->delimiter(',')
      ->default_str("1,1,2,2")
      ->check(weights, weights.Text());
  AddNumber(train, "--seed", t.seed, 0, std::numeric_limits<uint64_t>::max(),
            "Decides the order of the traces and the new head");
}

void AddDataFlags(CLI::App* train, RunOptions* o) {
  train
      ->add_option("--model", o->model,
                   "Backbone: GGUF file or Hugging Face folder, or a checkpoint")
      ->required();
  train->add_option("--data", o->data, "Labelled traces, one or more files")->required();
  train->add_option("--dev", o->dev, "Labelled traces that choose the best checkpoint");
  train->add_option("--out", o->out, "Folder for best/, last/ and metrics.jsonl")->required();
  train->add_flag("--resume", o->resume, "Continue the run of OUT/last");
  train->add_option(
      "--separator", o->separator,
      "Special token that ends each step, as '<|endoftext|>', instead of a line feed; "
      "prm model export --to vllm needs one");
  AddNumber(train, "--max-tokens", o->examples.max_tokens, 1, 1 << 28, "Longest trace");
  AddTooLong(train, o->examples.too_long);
  train->add_flag("--soft", o->examples.use_soft, "Use soft values of steps that have no label");
  train->add_flag("--negative-after-first-error", o->examples.negative_after_first_error,
                  "Unlabelled steps after the first error count as wrong (default: masked)");
}

}  // namespace

void AddTrainCommand(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* train = app.add_subcommand("train", "Trains a step-level PRM on labelled traces.");
  train->group("Training");
  AddDataFlags(train, options.get());
  AddScheduleFlags(train, options.get());
  AddNumber(train, "--eval-tokens", options->eval_tokens, 0, kMaxTokens,
            "Training tokens between evaluations; 0: after each epoch");
  AddNumber(train, "--save-minutes", options->save_minutes, 0, 1e6,
            "Minutes between checkpoints OUT/last; 0: at evaluations only");
  AddDevice(train, options->device);
  AddDtype(train, options->dtype);  // what auto took is kept for --resume
  AddThreads(train, options->threads);
  AddVerifyFlag(train, &options->verify);
  AddExamples(train,
              {"prm train --model backbone.gguf --data traces.jsonl --dev dev.jsonl --out run",
               "prm train --model backbone.gguf --data traces.jsonl --dev dev.jsonl --out run "
               "--resume"});
  train->callback([options] {
    for (const std::string& file : options->data) CheckReadTwice(file);  // also for its sum
    if (!options->dev.empty()) CheckReadTwice(options->dev);
    RunTraining(*options);
  });
}

}  // namespace prm
