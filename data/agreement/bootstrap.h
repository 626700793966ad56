// Intervals by resampling traces: steps of one trace are correlated, so traces are drawn, not
// steps.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "data/agreement/statistics.h"

namespace prm {

struct BootstrapOptions {
  int replicates = 2000;  // B
  uint64_t seed = 1;      // stored with the result
  double level = 0.95;    // of the interval
};

struct BootstrapInterval {
  std::optional<double> low, high;  // nullopt where fewer than two resamples are defined
  int undefined = 0;                // resamples in which the statistic is undefined
};

// Percentile intervals of `outputs` statistics of a sum of rows. rows [clusters][width], at least
// two clusters for an interval; `statistics` fills `out` [outputs] from the sum [width] of as many
// rows as there are, drawn with replacement. All statistics see the same resamples. Draw i of
// resample b depends on (seed, b, i) alone. Throws Error(kInvalidArgument) for options out of
// range. Source: Efron & Tibshirani 1993, "An Introduction to the Bootstrap", sections 8.3, 13.3.
using StatisticsOfSum = std::function<void(std::span<const double> sum, std::span<Statistic> out)>;
std::vector<BootstrapInterval> ClusterBootstrap(std::span<const double> rows, size_t width,
                                                size_t outputs, const StatisticsOfSum& statistics,
                                                const BootstrapOptions& options = {});

// The nominal alpha without one annotator at a time, over the same view of the labels.
struct Jackknife {
  std::vector<Statistic> without;  // [annotators]
  // The annotator without whom alpha rises most; nullopt where nobody's absence raises it.
  std::optional<int> outlier;
};
Jackknife JackknifeAnnotators(const Ratings& ratings, const LabelView& view);

}  // namespace prm
