// Byte-pair merging of one word: the merge table and two merge loops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "data/tokenizers/tokenizer.h"

namespace prm {

// (left id, right id) -> rank and merged id, in one flat array. Built by one thread, then
// immutable; any thread may read.
class MergeTable {
 public:
  static constexpr int32_t kNoRank = std::numeric_limits<int32_t>::max();

  struct Merge {
    int32_t rank = kNoRank;
    TokenId merged = -1;
  };

  // Room for `count` merges.
  explicit MergeTable(size_t count = 0);

  // Returns false and changes nothing if the pair is already present.
  bool Add(TokenId left, TokenId right, Merge merge);

  // Rank is kNoRank if the pair does not merge.
  Merge Find(TokenId left, TokenId right) const {
    const uint64_t key = Key(left, right);
    for (size_t i = Home(key);; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return slots_[i].merge;
      if (slots_[i].key == kEmpty) return {};
    }
  }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge;
  };

  static uint64_t Key(TokenId left, TokenId right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }
  size_t Home(uint64_t key) const { return (key * 0x9E3779B97F4A7C15u) >> shift_; }

  std::vector<Slot> slots_;
  size_t mask_ = 0;
  int shift_ = 0;
};

// Merges adjacent ids in `*ids` until no pair merges, lowest rank first and leftmost among equals.
// n ids take O(n^2) steps for short words and O(n log n) for long ones. `*ids` has fewer than 2^32
// elements. Source: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units",
// section 3.2.
void MergeWord(const MergeTable& table, std::vector<TokenId>* ids);

}  // namespace prm
