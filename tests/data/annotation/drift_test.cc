#include "data/annotation/drift.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/error_of.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

std::vector<bool> Repeat(size_t times, std::vector<bool> pattern) {
  std::vector<bool> hits;
  for (size_t i = 0; i < times; ++i) hits.insert(hits.end(), pattern.begin(), pattern.end());
  return hits;
}

TEST(Drift, GoodWorkIsNotSuspended) {
  const Drift drift = WatchDrift(Repeat(100, {true, true, true, true, true, true, false}));
  EXPECT_FALSE(drift.suspend) << drift.why;
  EXPECT_NEAR(*drift.window_accuracy, 26 / 30.0, .04);
  EXPECT_EQ(drift.good_until, 699u);
}

TEST(Drift, AWindowBelowTheBarSuspends) {
  DriftOptions windows_only;
  windows_only.alarm = 1e9;
  std::vector<bool> hits(60, true);
  hits.insert(hits.end(), 40, false);
  const Drift drift = WatchDrift(hits, windows_only);
  EXPECT_TRUE(drift.suspend);
  // Ten misses leave 20 of 30 hits, below .70.
  EXPECT_THAT(drift.why, HasSubstr("of the last 30 gold steps, below 0.7"));
  EXPECT_NEAR(*drift.window_accuracy, 20 / 30.0, 1e-12);
  // The current sum began with the first miss, 60; the window that ended before it is good.
  EXPECT_EQ(drift.good_until, 59u);
}

TEST(Drift, ASlowFallRaisesTheSum) {
  // 7 of 10 right: every window of 30 holds 21 hits, exactly .70, and is not below.
  std::vector<bool> hits(100, true);
  const auto seven = Repeat(30, {true, true, false, true, true, false, true, true, false, true});
  hits.insert(hits.end(), seven.begin(), seven.end());
  const Drift drift = WatchDrift(hits);
  EXPECT_TRUE(drift.suspend);
  EXPECT_THAT(drift.why, HasSubstr("CUSUM"));
  EXPECT_LT(*drift.good_until, 105u);
  DriftOptions deaf;
  deaf.alarm = 1e9;
  EXPECT_FALSE(WatchDrift(hits, deaf).suspend);
}

TEST(Drift, RunsToAnAlarmAreAsStated) {
  std::mt19937_64 engine(7);
  const auto median_run = [&](double p) {
    std::vector<int> runs;
    for (int r = 0; r < 500; ++r) {
      std::vector<bool> hits;
      for (int i = 0; i < 1500; ++i) {
        hits.push_back(std::uniform_real_distribution<>(0, 1)(engine) < p);
      }
      DriftOptions cusum_only;
      cusum_only.min_accuracy = 0;
      int low = 0, high = 1500;  // the alarm stops the watch, so it is monotone in the length
      while (low < high) {
        const int middle = (low + high) / 2;
        const std::vector<bool> part(hits.begin(), hits.begin() + middle);
        if (WatchDrift(part, cusum_only).suspend) {
          high = middle;
        } else {
          low = middle + 1;
        }
      }
      runs.push_back(low);
    }
    std::nth_element(runs.begin(), runs.begin() + 250, runs.end());
    return runs[250];
  };
  EXPECT_NEAR(median_run(.85), 488, 120);
  EXPECT_NEAR(median_run(.70), 33, 6);
}

TEST(Drift, NothingIsSaidOfTooFewSteps) {
  const Drift none = WatchDrift({});
  EXPECT_FALSE(none.suspend);
  EXPECT_EQ(none.window_accuracy, std::nullopt);
  EXPECT_EQ(none.good_until, std::nullopt);
  EXPECT_FALSE(WatchDrift({false, false}).suspend);
  // Bad from the start: no window was ever good, so all work goes to review.
  const Drift bad = WatchDrift(std::vector<bool>(10, false));
  EXPECT_TRUE(bad.suspend);
  EXPECT_EQ(bad.good_until, std::nullopt);
}

TEST(Drift, ImpossibleOptionsAreRefused) {
  DriftOptions options;
  options.out_of_control = .9;
  EXPECT_THAT(MessageOf([&] { WatchDrift({}, options); }), HasSubstr("out_of_control"));
}

}  // namespace
}  // namespace prm
