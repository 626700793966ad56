#include "data/annotation/drift.h"

#include <algorithm>
#include <cmath>

#include "data/error.h"

namespace prm {

Drift WatchDrift(const std::vector<bool>& hits, const DriftOptions& options) {
  const double in = options.in_control, out = options.out_of_control;
  if (options.window < 1 || !(0 < out && out < in && in < 1) || !(options.alarm > 0) ||
      !(options.min_accuracy >= 0 && options.min_accuracy <= 1)) {
    throw Error(ErrorCode::kInvalidArgument,
                "drift: expected window >= 1, 0 < out_of_control < in_control < 1, alarm > 0 and "
                "min_accuracy in [0, 1]");
  }
  const double of_hit = std::log(out / in), of_miss = std::log((1 - out) / (1 - in));
  const size_t window = size_t(options.window);
  Drift drift;
  size_t in_window = 0;
  size_t rise = 0;  // hits before it are not part of the current sum
  std::vector<size_t> good_ends;
  for (size_t i = 0; i < hits.size() && !drift.suspend; ++i) {
    drift.cusum = std::max(0.0, drift.cusum + (hits[i] ? of_hit : of_miss));
    if (drift.cusum == 0) rise = i + 1;
    in_window += hits[i];
    if (i >= window) in_window -= hits[i - window];
    if (i + 1 >= window) {
      drift.window_accuracy = double(in_window) / double(window);
      if (*drift.window_accuracy >= options.min_accuracy) {
        good_ends.push_back(i);
      } else {
        drift.suspend = true;
        drift.why = StrCat("accuracy ", *drift.window_accuracy, " of the last ", window,
                           " gold steps, below ", options.min_accuracy);
      }
    }
    if (!drift.suspend && drift.cusum > options.alarm) {
      drift.suspend = true;
      drift.why = StrCat("CUSUM ", drift.cusum, " of hits on gold, above ", options.alarm);
    }
  }
  for (const size_t end : good_ends) {
    if (!drift.suspend || end < rise) drift.good_until = end;
  }
  return drift;
}

}  // namespace prm
