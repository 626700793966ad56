// prm train
#include <CLI/CLI.hpp>
#include <map>

#include "data/error.h"
#include "train/commands.h"
#include "train/run.h"

namespace prm {
namespace {

void AddScheduleFlags(CLI::App* train, RunOptions* o) {
  train->add_option("--epochs", o->trainer.epochs, "Passes over the data")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  train
      ->add_option("--tokens", o->trainer.tokens,
                   "Stop after so many training tokens; 0: all epochs")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  train->add_option("--batch-tokens", o->trainer.batch_tokens, "Tokens of an optimizer step")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  train
      ->add_option("--micro-tokens", o->trainer.micro_tokens,
                   "Tokens of a forward and backward pass; bounds memory")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  train->add_option("--lr", o->trainer.adamw.lr, "Learning rate of the backbone")
      ->capture_default_str();
  train->add_option("--head-lr", o->trainer.adamw.head_lr, "Learning rate of the step head")
      ->capture_default_str();
  train->add_option("--weight-decay", o->trainer.adamw.weight_decay)->capture_default_str();
  train->add_option("--clip", o->trainer.adamw.clip, "Largest global gradient norm; 0: none")
      ->capture_default_str();
  train->add_option("--warmup", o->trainer.warmup, "Share of the run that warms up")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  train->add_option("--lr-floor", o->trainer.lr_floor, "Share of the learning rate at the end")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  train
      ->add_option("--class-weights", o->trainer.loss.class_weights,
                   "Loss weights: necessary redundant incorrect incomplete")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  train->add_option("--seed", o->trainer.seed, "Order of the traces and the new head")
      ->capture_default_str();
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
  train->add_option("--max-tokens", o->examples.max_tokens, "Longest trace")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
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
  train
      ->add_option("--eval-tokens", options->eval_tokens,
                   "Evaluate every so many training tokens; 0: after each epoch")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  train->add_option("--save-minutes", options->save_minutes, "Write OUT/last at least so often")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  train->add_option("--device", options->device, "auto | cpu | cuda | cuda:N")
      ->capture_default_str();
  train->add_option("--dtype", options->dtype, "auto | float32 | bfloat16")->capture_default_str();
  train->add_option("--threads", options->threads, "0: all cores")->capture_default_str();
  train->callback([options] { RunTraining(*options); });
}

}  // namespace prm
