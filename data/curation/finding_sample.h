// Counts findings of one kind and keeps a uniform sample of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/text/hash.h"

namespace prm {

struct Finding {
  std::string id;        // of the trace
  int64_t step = -1;     // 0-based; -1: the trace as a whole
  std::string evidence;  // what was found
  std::string text;      // where: the step or problem, clipped
};

// Every finding is equally likely to be in the sample, whatever their number. Equal seeds and
// orders give equal samples. Used by one thread at a time. Source: sampling by the least random
// keys, Efraimidis & Spirakis 2006, section 2 (equal weights).
class FindingSample {
 public:
  explicit FindingSample(size_t size = 20, uint64_t seed = 1) : size_(size), seed_(seed) {}

  // Calls `make()` only for findings that enter the sample.
  template <class Make>
  void Add(Make make) {
    const uint64_t key = Scramble(seed_ ^ Scramble(uint64_t(count_++)));
    if (size_ == 0 || (kept_.size() == size_ && key >= kept_.front().key)) return;
    if (kept_.size() == size_) {
      std::pop_heap(kept_.begin(), kept_.end());
      kept_.pop_back();
    }
    kept_.push_back({key, make()});
    std::push_heap(kept_.begin(), kept_.end());
  }

  int64_t count() const { return count_; }
  // In random order.
  std::vector<Finding> findings() const {
    std::vector<Kept> sorted = kept_;
    std::sort_heap(sorted.begin(), sorted.end());
    std::vector<Finding> findings;
    for (Kept& kept : sorted) findings.push_back(std::move(kept.finding));
    return findings;
  }

 private:
  struct Kept {
    uint64_t key;
    Finding finding;
    friend bool operator<(const Kept& a, const Kept& b) { return a.key < b.key; }
  };
  size_t size_;
  uint64_t seed_;
  int64_t count_ = 0;
  std::vector<Kept> kept_;  // a heap, the largest key first
};

}  // namespace prm
