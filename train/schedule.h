// Learning rate, and the order in which examples are seen. Pure functions.
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

// The optimizer steps of one epoch: all examples once, in an order that depends on (seed, epoch)
// only; each step takes examples until `batch_tokens` are reached, and is cut into micro-batches of
// at most `micro_tokens` (a longer example has one of its own). Within a step, examples go longest
// first into the micro-batch with most room left that holds them.
std::vector<StepPlan> PlanEpoch(std::span<const int64_t> tokens, uint64_t seed, int epoch,
                                int64_t batch_tokens, int64_t micro_tokens);

}  // namespace prm
