#include "data/agreement/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "data/error.h"
#include "data/text/random.h"

namespace prm {
namespace {

// Uniform in [0, bound). The bias of bound / 2^64 is too small to matter for the replicates.
uint64_t Below(uint64_t bound, uint64_t draw) {
  return uint64_t((static_cast<unsigned __int128>(draw) * bound) >> 64);
}

// How often each of the `clusters` clusters is drawn in one resample.
void DrawWeights(uint64_t seed, uint32_t replicate, std::span<uint32_t> weights) {
  std::fill(weights.begin(), weights.end(), 0);
  const std::array<uint32_t, 2> key = {uint32_t(seed), uint32_t(seed >> 32)};
  for (size_t i = 0; i < weights.size(); i += 2) {
    const auto words = Philox({uint32_t(i / 2), uint32_t((i / 2) >> 32), replicate, 0}, key);
    ++weights[Below(weights.size(), words[0] | uint64_t{words[1]} << 32)];
    if (i + 1 < weights.size()) {
      ++weights[Below(weights.size(), words[2] | uint64_t{words[3]} << 32)];
    }
  }
}

// Interpolates linearly between the order statistics around (n - 1) p. `sorted` is not empty.
double Quantile(const std::vector<double>& sorted, double p) {
  const double at = double(sorted.size() - 1) * p;
  const size_t below = size_t(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - double(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::vector<BootstrapInterval> ClusterBootstrap(std::span<const double> rows, size_t width,
                                                size_t outputs, const StatisticsOfSum& statistics,
                                                const BootstrapOptions& options) {
  if (options.replicates < 1 || !(options.level > 0 && options.level < 1)) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("bootstrap: expected replicates >= 1 and a level in (0, 1), got ",
                       options.replicates, " and ", options.level));
  }
  std::vector<BootstrapInterval> intervals(outputs);
  const size_t clusters = width == 0 ? 0 : rows.size() / width;
  if (clusters < 2) return intervals;
  std::vector<std::vector<double>> values(outputs);
  std::vector<uint32_t> weights(clusters);
  std::vector<double> sum(width);
  std::vector<Statistic> out(outputs);
  for (int b = 0; b < options.replicates; ++b) {
    DrawWeights(options.seed, uint32_t(b), weights);
    std::fill(sum.begin(), sum.end(), 0);
    for (size_t c = 0; c < clusters; ++c) {
      if (weights[c] == 0) continue;
      const double weight = weights[c];
      const double* row = rows.data() + c * width;
      for (size_t i = 0; i < width; ++i) sum[i] += weight * row[i];
    }
    statistics(sum, out);
    for (size_t s = 0; s < outputs; ++s) {
      if (out[s].value) {
        values[s].push_back(*out[s].value);
      } else {
        ++intervals[s].undefined;
      }
    }
  }
  for (size_t s = 0; s < outputs; ++s) {
    if (values[s].size() < 2) continue;
    std::sort(values[s].begin(), values[s].end());
    intervals[s].low = Quantile(values[s], (1 - options.level) / 2);
    intervals[s].high = Quantile(values[s], (1 + options.level) / 2);
  }
  return intervals;
}

Jackknife JackknifeAnnotators(const Ratings& ratings, const LabelView& view) {
  Jackknife jackknife;
  const Statistic with_all = KrippendorffAlpha(SumsOf(CountLabels(ratings, view)));
  double most = with_all.value.value_or(HUGE_VAL);
  for (int a = 0; a < int(ratings.annotators().size()); ++a) {
    jackknife.without.push_back(KrippendorffAlpha(SumsOf(CountLabels(ratings, view, a))));
    const std::optional<double>& alpha = jackknife.without.back().value;
    if (alpha && *alpha > most) {
      most = *alpha;
      jackknife.outlier = a;
    }
  }
  return jackknife;
}

}  // namespace prm
