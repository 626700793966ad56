#include "data/tokenizers/bpe_merge.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

namespace prm {
namespace {

// Above this length, the heap is faster than searching all pairs for every merge.
constexpr size_t kShortWord = 48;

using Merge = MergeTable::Merge;

void MergeShortWord(const MergeTable& table, std::vector<TokenId>* word) {
  std::vector<TokenId>& ids = *word;
  std::array<Merge, kShortWord> pairs;  // pairs[i] joins ids[i] and ids[i + 1]
  size_t count = ids.size();
  for (size_t i = 0; i + 1 < count; ++i) pairs[i] = table.Find(ids[i], ids[i + 1]);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == MergeTable::kNoRank) break;
    ids[best] = pairs[best].merged;
    std::copy(ids.begin() + best + 2, ids.begin() + count, ids.begin() + best + 1);
    std::copy(pairs.begin() + best + 1, pairs.begin() + count - 1, pairs.begin() + best);
    --count;
    if (best > 0) pairs[best - 1] = table.Find(ids[best - 1], ids[best]);
    if (best + 1 < count) pairs[best] = table.Find(ids[best], ids[best + 1]);
  }
  ids.resize(count);
}

// A doubly linked list of symbols, and a heap of the pairs that may merge. A heap entry is stale if
// its left symbol is gone or its pair has a different rank by now.
class LongWord {
 public:
  LongWord(const MergeTable& table, std::vector<TokenId>* ids) : table_(table), ids_(*ids) {
    const size_t count = ids_.size();
    symbols_.resize(count);
    for (size_t i = 0; i < count; ++i) {
      symbols_[i].previous = static_cast<uint32_t>(i) - 1;
      symbols_[i].next = static_cast<uint32_t>(i) + 1;
    }
    for (uint32_t i = 0; i + 1 < count; ++i) {
      symbols_[i].pair = table_.Find(ids_[i], ids_[i + 1]);
      if (symbols_[i].pair.rank != MergeTable::kNoRank) heap_.push_back(Entry(i));
    }
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  void Merge() {
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      const uint64_t entry = heap_.back();
      heap_.pop_back();
      const auto at = static_cast<uint32_t>(entry);
      if (symbols_[at].pair.rank == static_cast<int32_t>(entry >> 32)) JoinWithNext(at);
    }
    size_t kept = 0;
    for (size_t i = 0; i < ids_.size(); i = symbols_[i].next) ids_[kept++] = ids_[i];
    ids_.resize(kept);
  }

 private:
  struct Symbol {
    uint32_t previous, next;  // ids_.size() ends the list; 2^32 - 1 precedes its start
    MergeTable::Merge pair;   // with `next`; kNoRank if this symbol is gone
  };

  // Rank first, then position: the heap's top is the leftmost of the lowest rank.
  uint64_t Entry(uint32_t at) const {
    return uint64_t{static_cast<uint32_t>(symbols_[at].pair.rank)} << 32 | at;
  }

  void JoinWithNext(uint32_t at) {
    Symbol& symbol = symbols_[at];
    ids_[at] = symbol.pair.merged;
    symbols_[symbol.next].pair = {};
    symbol.next = symbols_[symbol.next].next;
    if (symbol.next < ids_.size()) symbols_[symbol.next].previous = at;
    UpdatePair(at);
    if (symbol.previous < ids_.size()) UpdatePair(symbol.previous);
  }

  void UpdatePair(uint32_t at) {
    Symbol& symbol = symbols_[at];
    symbol.pair = {};
    if (symbol.next >= ids_.size()) return;
    symbol.pair = table_.Find(ids_[at], ids_[symbol.next]);
    if (symbol.pair.rank == MergeTable::kNoRank) return;
    heap_.push_back(Entry(at));
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  const MergeTable& table_;
  std::vector<TokenId>& ids_;
  std::vector<Symbol> symbols_;
  std::vector<uint64_t> heap_;
};

}  // namespace

MergeTable::MergeTable(size_t count) {
  const size_t size = std::bit_ceil(std::max<size_t>(2, count * 2));
  slots_.resize(size);
  mask_ = size - 1;
  shift_ = 64 - std::countr_zero(size);
}

bool MergeTable::Add(TokenId left, TokenId right, Merge merge) {
  const uint64_t key = Key(left, right);
  size_t i = Home(key);
  for (; slots_[i].key != kEmpty; i = (i + 1) & mask_) {
    if (slots_[i].key == key) return false;
  }
  slots_[i] = {key, merge};
  return true;
}

void MergeWord(const MergeTable& table, std::vector<TokenId>* ids) {
  if (ids->size() <= kShortWord) {
    MergeShortWord(table, ids);
  } else {
    LongWord(table, ids).Merge();
  }
}

}  // namespace prm
