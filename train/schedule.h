// Learning rate, and the order of the examples. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace prm {

// Linear warm-up to 1 over the first `warmup` share of the run, then a cosine down to `floor`.
// progress in [0, 1]. Source: Loshchilov & Hutter 2017, "SGDR", section 3.
double LearningRateFactor(double progress, double warmup, double floor);

// One optimizer step: micro-batches of example indices.
struct StepPlan {
  std::vector<std::vector<size_t>> micro_batches;
  int64_t tokens = 0;
};

// Plans the optimizer steps of one epoch: all examples once, in an order that depends only on
// (seed, epoch). Each step takes examples until it has `batch_tokens`, and is cut into
// micro-batches of at most `micro_tokens` (a longer example gets its own). Within a step, the
// longest examples come first, each into the fitting micro-batch with most room left.
std::vector<StepPlan> PlanEpoch(std::span<const int64_t> tokens, uint64_t seed, int epoch,
                                int64_t batch_tokens, int64_t micro_tokens);

}  // namespace prm
