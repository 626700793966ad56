#include "data/agreement/bootstrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/data/agreement/golden_ratings.h"
#include "tests/error_of.h"

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// rows [clusters][2]: a value and 1; the statistic is their mean.
std::vector<BootstrapInterval> MeanIntervals(const std::vector<double>& values,
                                             const BootstrapOptions& options = {}) {
  std::vector<double> rows;
  for (const double value : values) {
    rows.push_back(value);
    rows.push_back(1);
  }
  return ClusterBootstrap(
      rows, 2, 1,
      [](std::span<const double> sum, std::span<Statistic> out) { out[0] = {sum[0] / sum[1]}; },
      options);
}

// The bootstrap of a mean has the standard error sd / sqrt(n).
TEST(ClusterBootstrap, IntervalOfAMeanIsThatOfItsStandardError) {
  std::mt19937_64 engine(1);
  std::normal_distribution<double> normal(10, 2);
  std::vector<double> values(400);
  double mean = 0, square = 0;
  for (double& value : values) mean += value = normal(engine);
  mean /= 400;
  for (const double value : values) square += (value - mean) * (value - mean);
  const double error = std::sqrt(square / 400 / 400);
  const BootstrapInterval interval = MeanIntervals(values, {20000})[0];
  EXPECT_NEAR(*interval.low, mean - 1.96 * error, .1 * error);
  EXPECT_NEAR(*interval.high, mean + 1.96 * error, .1 * error);
  const BootstrapInterval half = MeanIntervals(values, {20000, 1, .5})[0];
  EXPECT_NEAR(*half.high, mean + .6745 * error, .1 * error);
}

TEST(ClusterBootstrap, TheSeedDecides) {
  const std::vector<double> values = {1, 2, 3, 4, 5, 9};
  EXPECT_EQ(MeanIntervals(values)[0].low, MeanIntervals(values)[0].low);
  EXPECT_NE(MeanIntervals(values, {50, 1})[0].low, MeanIntervals(values, {50, 2})[0].low);
  // Every resample counts the same number of rows.
  ClusterBootstrap(std::vector<double>(7, 1), 1, 0,
                   [](std::span<const double> sum, std::span<Statistic>) { ASSERT_EQ(sum[0], 7); });
}

TEST(ClusterBootstrap, UndefinedResamplesAreCounted) {
  // Undefined unless the second of two rows is drawn: a quarter of the resamples.
  const std::vector<BootstrapInterval> intervals = ClusterBootstrap(
      std::vector<double>{0, 1}, 1, 2, [](std::span<const double> sum, std::span<Statistic> out) {
        out[0] = sum[0] > 0 ? Statistic{1.0} : Statistic::Undefined("none");
        out[1] = Statistic::Undefined("never");
      });
  EXPECT_NEAR(intervals[0].undefined, 500, 60);
  EXPECT_EQ(intervals[0].low, 1);
  EXPECT_EQ(intervals[1].undefined, 2000);
  EXPECT_EQ(intervals[1].low, std::nullopt);
}

TEST(ClusterBootstrap, OneClusterHasNoInterval) {
  EXPECT_EQ(MeanIntervals({5})[0].low, std::nullopt);
  EXPECT_EQ(MeanIntervals({})[0].high, std::nullopt);
  EXPECT_THAT(MessageOf([] { MeanIntervals({1, 2}, {0}); }), HasSubstr("replicates >= 1"));
  EXPECT_THAT(MessageOf([] { MeanIntervals({1, 2}, {9, 1, 1}); }), HasSubstr("(0, 1)"));
}

// Steps of one trace that all agree or all do not: drawing steps would make the interval too
// narrow by the root of their number.
TEST(ClusterBootstrap, TracesNotStepsAreDrawn) {
  Ratings by_trace({"x", "y"}), by_step({"x", "y"});
  std::mt19937_64 engine(5);
  for (int t = 0; t < 60; ++t) {
    const int a = int(engine() % 2), b = engine() % 4 == 0 ? 1 - a : a;
    for (int s = 0; s < 16; ++s) {
      for (auto* ratings : {&by_trace, &by_step}) {
        const std::string id =
            std::to_string(t) + (ratings == &by_step ? "/" + std::to_string(s) : "");
        const int unit = ratings->Unit({ratings->Trace(id), s, 1, 0, ""});
        ratings->Add(unit, {ratings->Annotator("a"), a, {}});
        ratings->Add(unit, {ratings->Annotator("b"), b, {}});
      }
    }
  }
  const auto width = [](const Ratings& ratings) {
    const auto rows = SumsByTrace(CountLabels(ratings, SameLabels(ratings)));
    const auto interval =
        ClusterBootstrap(rows, AgreementSums::SizeOf(2), 1,
                         [](std::span<const double> sum, std::span<Statistic> out) {
                           out[0] = KrippendorffAlpha(AgreementSums(2, sum));
                         })[0];
    return *interval.high - *interval.low;
  };
  EXPECT_NEAR(width(by_trace) / width(by_step), 4, .5);
}

TEST(Jackknife, FindsTheAnnotatorWhoDisagrees) {
  const Ratings ratings =
      RatingsOf({"0", "1"}, {"0011001101", "0011001101", "1010100110", "0011001100"});
  const Jackknife jackknife = JackknifeAnnotators(ratings, SameLabels(ratings));
  EXPECT_EQ(jackknife.outlier, 2);
  EXPECT_GT(*jackknife.without[2].value, .85);
  EXPECT_EQ(JackknifeAnnotators(RatingsOf({"0", "1"}, {"01", "01"}), {{0, 1}, 2}).outlier,
            std::nullopt);
}

}  // namespace
}  // namespace prm
