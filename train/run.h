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
  bool resume = false;            // go on from out/last
  int64_t eval_tokens = 0;        // evaluate every so many training tokens; 0: after each epoch
  double save_minutes = 15;       // write out/last at least so often; 0: at evaluations only
  std::string device = "auto";
  std::string dtype = "auto";
  int threads = 0;
  ExampleOptions examples;
  TrainerOptions trainer;
};

// Trains and leaves `out`/best and `out`/last. Progress goes to stderr, one JSON object a step or
// evaluation to `out`/metrics.jsonl. SIGINT and SIGTERM save `out`/last and throw
// Error(kCancelled). Refuses an `out` that holds a run unless `resume` is set.
void RunTraining(const RunOptions& options);

}  // namespace prm
