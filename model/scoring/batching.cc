#include "model/scoring/batching.h"

namespace prm {

std::vector<BatchRange> GroupByTokens(std::span<const int64_t> tokens, int64_t budget) {
  std::vector<BatchRange> ranges;
  int64_t used = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (ranges.empty() || used + tokens[i] > budget) {
      ranges.push_back({i, i});
      used = 0;
    }
    ranges.back().end = i + 1;
    used += tokens[i];
  }
  return ranges;
}

}  // namespace prm
