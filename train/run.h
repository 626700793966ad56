// A training run from files to checkpoints: progress, evaluation, saving, resuming.
#pragma once

#include <string>
#include <vector>

#include "train/examples.h"
#include "train/trainer.h"

namespace prm {

struct RunOptions {
  std::string model;              // GGUF file, Hugging Face folder or checkpoint
  std::vector<std::string> data;  // native trace files
  std::string dev;                // native trace file; empty: no evaluation, best = last
  std::string out;                // folder: best/, last/, metrics.jsonl
  bool resume = false;            // continue from out/last
  // A special token that ends each step, instead of a line feed. Only for models without a step
  // format of their own. vLLM can find steps only by such a token.
  std::string separator;
  int64_t eval_tokens = 0;   // training tokens between evaluations; 0: after each epoch
  double save_minutes = 15;  // write out/last at least this often; 0: at evaluations only
  std::string device = "auto";
  std::string dtype = "auto";
  int threads = 0;
  bool verify = true;  // compare the files of a checkpoint with the sums in its prm.json
  ExampleOptions examples;
  TrainerOptions trainer;
};

// Trains and leaves `out`/best and `out`/last. Progress goes to stderr; each step and evaluation
// adds a JSON object to `out`/metrics.jsonl. SIGINT, SIGTERM, SIGHUP or a closed standard error
// save `out`/last and throw Error(kCancelled); so does an error of metrics.jsonl, with its own
// code. A loss, gradient or score that is not finite throws Error(kOutOfRange) naming the step;
// earlier saves stay. Refuses an `out` that contains a run, or part of one, unless `resume` is set.
// Resuming a finished run prints a note and returns.
void RunTraining(const RunOptions& options);

}  // namespace prm
