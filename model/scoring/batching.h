// Splits a sequence of traces into batches by a token budget.
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

// Cuts `tokens` (length of each item, in order) into ranges of at most `budget` tokens. An item
// longer than the budget gets a range by itself. Every item is in exactly one range.
std::vector<BatchRange> GroupByTokens(std::span<const int64_t> tokens, int64_t budget);

}  // namespace prm
