// Bootstrap intervals. Steps of one trace are correlated, so traces are resampled, not steps.
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
  std::optional<double> low, high;  // nullopt if fewer than two resamples are defined
  int undefined = 0;                // resamples in which the statistic is undefined
};

// Percentile intervals of `outputs` statistics of a sum of rows. `rows` is [clusters][width]; an
// interval needs at least two clusters. `statistics` fills `out` [outputs] from the sum [width] of
// `clusters` rows drawn with replacement. All statistics see the same resamples. Draw i of resample
// b depends only on (seed, b, i). Throws Error(kInvalidArgument) for options out of range. Source:
// Efron & Tibshirani 1993, "An Introduction to the Bootstrap", sections 8.3, 13.3.
using StatisticsOfSum = std::function<void(std::span<const double> sum, std::span<Statistic> out)>;
std::vector<BootstrapInterval> ClusterBootstrap(std::span<const double> rows, size_t width,
                                                size_t outputs, const StatisticsOfSum& statistics,
                                                const BootstrapOptions& options = {});

// Nominal alpha with one annotator left out at a time, over the same view of the labels.
struct Jackknife {
  std::vector<Statistic> without;  // [annotators]
  // The annotator whose removal raises alpha most; nullopt if no removal raises it.
  std::optional<int> outlier;
};
Jackknife JackknifeAnnotators(const Ratings& ratings, const LabelView& view);

}  // namespace prm
