// Whether annotators find the first error at the same step.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "data/agreement/statistics.h"

namespace prm {

// Index of the first step that the annotator labelled as an error, per trace and annotator; -1:
// every unit of the trace is labelled and none as an error. nullopt: not decidable, for a step
// before the first error (or any, where there is none) has no label, or no unit, where a later one
// has. [traces][annotators]; of the
// latest text version of each step. `is_error` [labels].
std::vector<std::vector<std::optional<int>>> FirstErrors(const Ratings& ratings,
                                                         const std::vector<bool>& is_error);

// Sums per trace, [traces][3]: 1 where two annotators or more are decidable, and then the share of
// their pairs with the same index and the share within one step (both find an error).
std::vector<double> FirstErrorSums(std::span<const std::vector<std::optional<int>>> first_errors);
inline constexpr size_t kFirstErrorSums = 3;

// Of a sum of such rows.
Statistic FirstErrorExact(std::span<const double> sum);
Statistic FirstErrorWithinOne(std::span<const double> sum);

}  // namespace prm
