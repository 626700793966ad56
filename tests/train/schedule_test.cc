#include "train/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace prm {
namespace {

std::vector<int64_t> Lengths() {
  std::vector<int64_t> lengths;
  for (int i = 0; i < 200; ++i) lengths.push_back(20 + (i * 7919) % 400);
  return lengths;
}

TEST(LearningRateFactor, RisesLinearlyThenFallsToTheFloor) {
  EXPECT_DOUBLE_EQ(LearningRateFactor(0.05, 0.1, 0.2), 0.5);
  EXPECT_DOUBLE_EQ(LearningRateFactor(0.1, 0.1, 0.2), 1.0);
  EXPECT_NEAR(LearningRateFactor(0.55, 0.1, 0.2), 0.6, 1e-12);
  EXPECT_NEAR(LearningRateFactor(1.0, 0.1, 0.2), 0.2, 1e-12);
  EXPECT_NEAR(LearningRateFactor(7.0, 0.1, 0.2), 0.2, 1e-12);
  EXPECT_DOUBLE_EQ(LearningRateFactor(0.0, 0.0, 0.2), 1.0);
}

TEST(PlanEpoch, SeesEveryExampleOnceWithinTheBudgets) {
  const auto lengths = Lengths();
  std::vector<size_t> seen;
  for (const StepPlan& step : PlanEpoch(lengths, 5, 0, 2000, 700)) {
    int64_t total = 0;
    for (const auto& members : step.micro_batches) {
      int64_t used = 0;
      for (size_t i : members) used += lengths[i];
      EXPECT_LE(used, 700);
      total += used;
      seen.insert(seen.end(), members.begin(), members.end());
    }
    EXPECT_EQ(total, step.tokens);
    EXPECT_LE(total, 2000);
  }
  std::sort(seen.begin(), seen.end());
  std::vector<size_t> all(lengths.size());
  std::iota(all.begin(), all.end(), size_t{0});
  EXPECT_EQ(seen, all);
}

TEST(PlanEpoch, OrderDependsOnSeedAndEpochOnly) {
  const auto lengths = Lengths();
  const auto order = [&](uint64_t seed, int epoch) {
    std::vector<size_t> flat;
    for (const StepPlan& step : PlanEpoch(lengths, seed, epoch, 2000, 700)) {
      for (const auto& m : step.micro_batches) flat.insert(flat.end(), m.begin(), m.end());
    }
    return flat;
  };
  EXPECT_EQ(order(1, 0), order(1, 0));
  EXPECT_NE(order(1, 0), order(2, 0));
  EXPECT_NE(order(1, 0), order(1, 1));
}

TEST(PlanEpoch, AnExampleAboveTheBudgetsHasAStepOfItsOwn) {
  const std::vector<int64_t> lengths = {10, 5000, 10};
  const auto plan = PlanEpoch(lengths, 1, 0, 100, 50);
  const auto alone = std::count_if(plan.begin(), plan.end(), [](const StepPlan& s) {
    return s.tokens == 5000 && s.micro_batches == std::vector<std::vector<size_t>>{{1}};
  });
  EXPECT_EQ(alone, 1);
}

}  // namespace
}  // namespace prm
