// Splitting a sequence of traces into batches by token budget.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace prm {

// Consecutive items [begin, end) of one batch.
struct BatchRange {
  size_t begin, end;
  friend bool operator==(const BatchRange&, const BatchRange&) = default;
};

// Cuts `tokens` (length of each item, in order) into ranges of at most `budget` tokens; an item
// that is longer alone has a range of its own. Covers every item once.
std::vector<BatchRange> GroupByTokens(std::span<const int64_t> tokens, int64_t budget);

}  // namespace prm
