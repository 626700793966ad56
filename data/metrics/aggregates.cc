#include "data/metrics/aggregates.h"

#include <algorithm>

#include "data/error.h"

namespace prm {

std::optional<AggregateKind> ParseAggregateKind(std::string_view name) {
  const auto found = std::find(kAggregateNames.begin(), kAggregateNames.end(), name);
  if (found == kAggregateNames.end()) return std::nullopt;
  return AggregateKind(found - kAggregateNames.begin());
}

double Aggregates::operator[](AggregateKind kind) const {
  switch (kind) {
    case AggregateKind::kMin:
      return min;
    case AggregateKind::kProduct:
      return product;
    case AggregateKind::kLast:
      return last;
    case AggregateKind::kMean:
      break;
  }
  return mean;
}

Aggregates Aggregate(std::span<const float> p_correct) {
  if (p_correct.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "aggregate: expected at least one step, got none");
  }
  Aggregates result{1, 1, double(p_correct.back()), 0};
  for (const float p : p_correct) {
    result.min = std::min(result.min, double(p));
    result.product *= double(p);
    result.mean += double(p);
  }
  result.mean /= double(p_correct.size());
  return result;
}

}  // namespace prm
