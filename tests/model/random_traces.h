// Token traces that form a tree of prefixes.
#pragma once

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "data/records/step_format.h"

namespace prm {

// Random traces that extend each other.
class RandomTraces {
 public:
  RandomTraces(int vocab_size, uint32_t seed) : vocab_size_(vocab_size), random_(seed) {}

  // Usually starts like an earlier trace; reads at random tokens.
  TraceTokens Next(size_t max_tokens, size_t max_new = 90) {
    TraceTokens trace;
    if (!known_.empty() && random_() % 4 != 0) {
      const TraceTokens& base = known_[random_() % known_.size()];
      trace.ids.assign(base.ids.begin(), base.ids.begin() + random_() % (base.ids.size() + 1));
    }
    for (size_t n = 1 + random_() % max_new; n > 0; --n) trace.ids.push_back(Id());
    trace.ids.resize(std::min(trace.ids.size(), max_tokens));
    std::set<int32_t> reads = {int32_t(trace.ids.size()) - 1};
    for (size_t n = random_() % 4; n > 0; --n) {
      reads.insert(int32_t(random_() % trace.ids.size()));
    }
    trace.step_reads.assign(reads.begin(), reads.end());
    known_.push_back(trace);
    if (known_.size() > 12) known_.erase(known_.begin() + random_() % 6);
    return trace;
  }
  TokenId Id() { return TokenId(random_() % size_t(vocab_size_)); }
  size_t Below(size_t n) { return random_() % n; }

 private:
  int vocab_size_;
  std::mt19937 random_;
  std::vector<TraceTokens> known_;
};

}  // namespace prm
