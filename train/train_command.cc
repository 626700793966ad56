// prm train
#include <CLI/CLI.hpp>
#include <limits>
#include <map>

#include "data/number_range.h"
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
            "Stop after so many training tokens; 0: all epochs");
  AddNumber(train, "--batch-tokens", t.batch_tokens, 1, kMaxBatchTokens,
            "Tokens of an optimizer step");
  AddNumber(train, "--micro-tokens", t.micro_tokens, 1, kMaxBatchTokens,
            "Tokens of a forward and backward pass; bounds memory");
  AddNumber(train, "--lr", t.adamw.lr, 0, kMaxRate, "Learning rate of the backbone");
  AddNumber(train, "--head-lr", t.adamw.head_lr, 0, kMaxRate, "Learning rate of the step head");
  AddNumber(train, "--weight-decay", t.adamw.weight_decay, 0, kMaxRate,
            "Of the linear layers, as a share of the learning rate");
  AddNumber(train, "--clip", t.adamw.clip, 0, kMaxRate, "Largest global gradient norm; 0: none");
  AddNumber(train, "--warmup", t.warmup, 0, 1, "Share of the run that warms up");
  AddNumber(train, "--lr-floor", t.lr_floor, 0, 1, "Share of the learning rate at the end");
  const NumberRange<float> weights{kMinWeight, kMaxWeight};
  train
      ->add_option("--class-weights", t.loss.class_weights,
                   "Loss weights: necessary,redundant,incorrect,incomplete")
      ->delimiter(',')
      ->default_str("1,1,2,2")
      ->check(weights, weights.Text());
  AddNumber(train, "--seed", t.seed, 0, std::numeric_limits<uint64_t>::max(),
            "Order of the traces and the new head");
}

void AddDataFlags(CLI::App* train, RunOptions* o) {
  train
      ->add_option("--model", o->model,
                   "Backbone: GGUF file or Hugging Face folder, or a checkpoint")
      ->required();
  train->add_option("--data", o->data, "Native trace files")->required();
  train->add_option("--dev", o->dev, "Native trace file that chooses the best checkpoint");
  train->add_option("--out", o->out, "Folder for best/, last/ and metrics.jsonl")->required();
  train->add_flag("--resume", o->resume, "Go on from OUT/last");
  train->add_option(
      "--separator", o->separator,
      "Special token that ends each step, as '<|endoftext|>', instead of a line feed; "
      "prm export --to vllm needs one");
  AddNumber(train, "--max-tokens", o->examples.max_tokens, 1, 1 << 28, "Longest trace");
  const std::map<std::string, TooLong> policies = {
      {"error", TooLong::kError}, {"skip", TooLong::kSkip}, {"cut", TooLong::kCut}};
  train
      ->add_option("--too-long", o->examples.too_long,
                   "A trace of more than --max-tokens: error | skip | cut (keep the leading steps)")
      ->transform(CLI::CheckedTransformer(policies))
      ->default_str("error");
  train->add_flag("--soft", o->examples.use_soft, "Use soft values where a step has no label");
  train->add_flag("--negative-after-first-error", o->examples.negative_after_first_error,
                  "Unlabelled steps after the first error count as wrong (default: masked)");
}

}  // namespace

void AddTrainCommand(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* train = app.add_subcommand("train", "Train a step-level PRM on labelled traces");
  AddDataFlags(train, options.get());
  AddScheduleFlags(train, options.get());
  AddNumber(train, "--eval-tokens", options->eval_tokens, 0, kMaxTokens,
            "Evaluate every so many training tokens; 0: after each epoch");
  AddNumber(train, "--save-minutes", options->save_minutes, 0, 1e6,
            "Write OUT/last at least so often; 0: at evaluations only");
  train->add_option("--device", options->device, "auto | cpu | cuda | cuda:N")
      ->capture_default_str();
  train
      ->add_option("--dtype", options->dtype,
                   "auto (the faster one; on CPUs that multiply both it is measured, and kept for "
                   "--resume) | float32 | bfloat16")
      ->capture_default_str();
  AddNumber(train, "--threads", options->threads, 0, kMaxThreads, "0: all cores");
  AddVerifyFlag(train, &options->verify);
  train->callback([options] { RunTraining(*options); });
}

}  // namespace prm
