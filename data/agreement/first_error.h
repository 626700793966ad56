// Whether annotators find the first error at the same step.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "data/agreement/statistics.h"

namespace prm {

// [traces][annotators]: index of the first step the annotator labelled as an error; -1 if every
// unit of the trace is labelled and none as an error. nullopt if undecidable: a step before the
// first error (or any step, if there is no error) has no label, or has no unit although a later
// step has one. Uses the latest text version of each step. `is_error` is [labels].
std::vector<std::vector<std::optional<int>>> FirstErrors(const Ratings& ratings,
                                                         const std::vector<bool>& is_error);

// Sums per trace, [traces][3]: 1 if at least two annotators are decidable, then the share of their
// pairs with the same index, then the share within one step (both find an error).
std::vector<double> FirstErrorSums(std::span<const std::vector<std::optional<int>>> first_errors);
inline constexpr size_t kFirstErrorSums = 3;

// The statistics of a sum of such rows.
Statistic FirstErrorExact(std::span<const double> sum);
Statistic FirstErrorWithinOne(std::span<const double> sum);

}  // namespace prm
