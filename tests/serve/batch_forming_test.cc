#include "serve/batch_forming.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace prm {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

const SteadyTime kNow{seconds(1000)};

TEST(FormBatch, TakesArrivalOrderUpToTheTokenBudget) {
  const std::vector<WaitingTrace> queue = {{40}, {50}, {20}, {5}};
  const BatchPlan plan = FormBatch(queue, kNow, {.max_tokens = 100, .max_traces = 10});
  // The fourth would fit, but nothing overtakes the third.
  EXPECT_THAT(plan.batch, ElementsAre(0, 1));
}

TEST(FormBatch, FillsTheBudgetExactly) {
  const std::vector<WaitingTrace> queue = {{40}, {60}, {1}};
  EXPECT_THAT(FormBatch(queue, kNow, {.max_tokens = 100}).batch, ElementsAre(0, 1));
}

TEST(FormBatch, TakesAtMostMaxTraces) {
  const std::vector<WaitingTrace> queue(7, WaitingTrace{1});
  EXPECT_THAT(FormBatch(queue, kNow, {.max_tokens = 100, .max_traces = 3}).batch,
              ElementsAre(0, 1, 2));
}

TEST(FormBatch, ATraceAboveTheBudgetGoesAlone) {
  const std::vector<WaitingTrace> queue = {{500}, {1}};
  EXPECT_THAT(FormBatch(queue, kNow, {.max_tokens = 100}).batch, ElementsAre(0));
}

TEST(FormBatch, TheExpiredAndTheCancelledLeaveFromAnywhere) {
  const SteadyTime past = kNow - seconds(1), future = kNow + seconds(1);
  const std::vector<WaitingTrace> queue = {{10, past},         {10, future}, {10, kNow},
                                           {95, future, true}, {95, future}, {10, past}};
  const BatchPlan plan = FormBatch(queue, kNow, {.max_tokens = 100});
  EXPECT_THAT(plan.batch, ElementsAre(1));
  EXPECT_THAT(plan.expired, ElementsAre(0, 2, 5));
  EXPECT_THAT(plan.cancelled, ElementsAre(3));
}

TEST(FormBatch, NothingWaitsNothingIsTaken) {
  const BatchPlan plan = FormBatch({}, kNow, {});
  EXPECT_THAT(plan.batch, IsEmpty());
  EXPECT_THAT(plan.expired, IsEmpty());
}

TEST(FormBatch, EveryLiveTraceIsTakenOnceInOrderWhateverTheQueue) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const BatchLimits limits{.max_tokens = 1 + int64_t(random() % 200),
                             .max_traces = 1 + int(random() % 8)};
    std::vector<WaitingTrace> queue(random() % 30);
    for (WaitingTrace& w : queue) w.tokens = 1 + int64_t(random() % 120);
    std::vector<int64_t> left;
    for (const WaitingTrace& w : queue) left.push_back(w.tokens);
    while (!queue.empty()) {
      const BatchPlan plan = FormBatch(queue, kNow, limits);
      ASSERT_FALSE(plan.batch.empty());
      int64_t tokens = 0;
      for (size_t k = 0; k < plan.batch.size(); ++k) {
        ASSERT_EQ(plan.batch[k], k);
        tokens += queue[k].tokens;
      }
      EXPECT_LE(plan.batch.size(), size_t(limits.max_traces));
      EXPECT_TRUE(tokens <= limits.max_tokens || plan.batch.size() == 1);
      queue.erase(queue.begin(), queue.begin() + ptrdiff_t(plan.batch.size()));
    }
  }
}

}  // namespace
}  // namespace prm
