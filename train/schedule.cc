#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <random>

namespace prm {
namespace {

// Fisher-Yates with a fixed mapping to ranges, since std::shuffle differs among standard libraries.
// The remainder's bias, below count / 2^64, must stay: another mapping would give another order,
// and earlier runs could not be repeated.
std::vector<size_t> Shuffled(size_t count, uint64_t seed) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::mt19937_64 random(seed);
  for (size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

// Worst fit decreasing: each example goes into the emptiest bin.
std::vector<std::vector<size_t>> PackIntoMicroBatches(std::vector<size_t> examples,
                                                      std::span<const int64_t> tokens,
                                                      int64_t micro_tokens) {
  std::stable_sort(examples.begin(), examples.end(),
                   [&](size_t a, size_t b) { return tokens[a] > tokens[b]; });
  std::vector<std::vector<size_t>> bins;
  std::vector<int64_t> used;
  for (size_t example : examples) {
    const auto emptiest = std::min_element(used.begin(), used.end());
    size_t bin = size_t(emptiest - used.begin());
    if (emptiest == used.end() || *emptiest + tokens[example] > micro_tokens) {
      bin = bins.size();
      bins.emplace_back();
      used.push_back(0);
    }
    bins[bin].push_back(example);
    used[bin] += tokens[example];
  }
  return bins;
}

}  // namespace

double LearningRateFactor(double progress, double warmup, double floor) {
  progress = std::clamp(progress, 0.0, 1.0);
  if (progress < warmup) return progress / warmup;
  const double rest = warmup < 1.0 ? (progress - warmup) / (1.0 - warmup) : 1.0;
  return floor + (1.0 - floor) * 0.5 * (1.0 + std::cos(std::numbers::pi * rest));
}

std::vector<StepPlan> PlanEpoch(std::span<const int64_t> tokens, uint64_t seed, int epoch,
                                int64_t batch_tokens, int64_t micro_tokens) {
  std::vector<StepPlan> plan;
  std::vector<size_t> members;
  int64_t used = 0;
  const auto close = [&] {
    if (members.empty()) return;
    plan.push_back({PackIntoMicroBatches(std::move(members), tokens, micro_tokens), used});
    members.clear();
    used = 0;
  };
  for (size_t example : Shuffled(tokens.size(), seed * 1'000'003 + uint64_t(epoch))) {
    if (used + tokens[example] > batch_tokens) close();
    members.push_back(example);
    used += tokens[example];
  }
  close();
  return plan;
}

}  // namespace prm
