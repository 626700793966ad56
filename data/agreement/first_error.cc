#include "data/agreement/first_error.h"

#include <cstdlib>
#include <map>

namespace prm {
namespace {

constexpr std::string_view kNoPairs = "no trace has a first error decidable for two annotators";

// The unit of the latest text version of each step.
using StepUnits = std::map<int, int>;

std::vector<StepUnits> StepsByTrace(const Ratings& ratings) {
  std::vector<StepUnits> traces(ratings.traces().size());
  for (size_t u = 0; u < ratings.units().size(); ++u) {
    const RatedUnit& unit = ratings.units()[u];
    const auto [at, is_new] = traces[size_t(unit.trace)].try_emplace(unit.step, int(u));
    const int version = ratings.units()[size_t(at->second)].text_version;
    if (!is_new && unit.text_version > version) at->second = int(u);
  }
  return traces;
}

}  // namespace

std::vector<std::vector<std::optional<int>>> FirstErrors(const Ratings& ratings,
                                                         const std::vector<bool>& is_error) {
  const size_t annotators = ratings.annotators().size();
  std::vector<std::vector<std::optional<int>>> first(ratings.traces().size());
  const std::vector<StepUnits> traces = StepsByTrace(ratings);
  std::vector<bool> is_open(annotators), has_label(annotators);
  for (size_t t = 0; t < traces.size(); ++t) {
    first[t].assign(annotators, std::nullopt);
    is_open.assign(annotators, true);
    int expected = 0;
    for (const auto& [step, unit] : traces[t]) {
      // A step that nobody rated may be the first error of every annotator.
      if (step != expected++) {
        is_open.assign(annotators, false);
        break;
      }
      has_label.assign(annotators, false);
      for (const Rating& rating : ratings.Of(unit)) {
        const size_t a = size_t(rating.annotator);
        if (!rating.label) continue;
        has_label[a] = true;
        if (is_open[a] && is_error[size_t(*rating.label)]) {
          first[t][a] = step;
          is_open[a] = false;
        }
      }
      for (size_t a = 0; a < annotators; ++a) is_open[a] = is_open[a] && has_label[a];
    }
    if (traces[t].empty()) continue;
    for (size_t a = 0; a < annotators; ++a) {
      if (is_open[a]) first[t][a] = -1;
    }
  }
  return first;
}

std::vector<double> FirstErrorSums(std::span<const std::vector<std::optional<int>>> first_errors) {
  std::vector<double> rows;
  for (const std::vector<std::optional<int>>& trace : first_errors) {
    double pairs = 0, exact = 0, within_one = 0;
    for (size_t a = 0; a < trace.size(); ++a) {
      for (size_t b = a + 1; trace[a] && b < trace.size(); ++b) {
        if (!trace[b]) continue;
        ++pairs;
        exact += *trace[a] == *trace[b];
        const bool both_find = *trace[a] >= 0 && *trace[b] >= 0;
        within_one += *trace[a] == *trace[b] || (both_find && std::abs(*trace[a] - *trace[b]) <= 1);
      }
    }
    rows.push_back(pairs > 0);
    rows.push_back(pairs > 0 ? exact / pairs : 0);
    rows.push_back(pairs > 0 ? within_one / pairs : 0);
  }
  return rows;
}

Statistic FirstErrorExact(std::span<const double> sum) {
  if (sum[0] == 0) return Statistic::Undefined(kNoPairs);
  return {sum[1] / sum[0]};
}

Statistic FirstErrorWithinOne(std::span<const double> sum) {
  if (sum[0] == 0) return Statistic::Undefined(kNoPairs);
  return {sum[2] / sum[0]};
}

}  // namespace prm
