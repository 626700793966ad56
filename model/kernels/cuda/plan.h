// Which tile of queries meets which block of keys, made on the host; the kernels hold no arithmetic
// of runs. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/kernels/cuda/launch.h"
#include "model/ops/prefix_attention.h"

namespace prm::cuda {

// Splits and merges that the kernels are started on together; the slots of the next ones are the
// same, since these are done.
struct Launch {
  int split_begin = 0, split_end = 0, merge_begin = 0, merge_end = 0;
};

// The arrays of PrefixAttentionArgs.
struct PrefixPlan {
  std::vector<TileRow> rows;  // [tiles * kTileRows]
  std::vector<KeyVisit> visits;
  std::vector<Split> splits;  // of a launch the longest first
  std::vector<Merge> merges;
  std::vector<Launch> launches;  // one behind the other, of all splits and merges
  int slots = 0;                 // of the launch with the most
};
// `group` query heads share a key/value head; window as in AttentionShape. Runs that begin with the
// same blocks lie beside each other, and share tiles where that saves more reads of common blocks
// than it adds of others': those blocks are visited once for all of a tile's rows. A launch takes
// at most `most_slots` slots, or those of one tile.
PrefixPlan PlanPrefixAttention(std::span<const ops::KvRun> runs, int group, int window,
                               int most_slots = INT32_MAX);

// Fills the arrays up, to `entries` tiles, splits, merges and slots and kVisits times as many
// visits, with such as do nothing, as one launch. False, and nothing done, where there are more.
inline constexpr int kVisits = kSplitBlocks;
bool FillUp(int entries, PrefixPlan* plan);

// What KeepKeysAndValues writes, each slot once and from sources that stay as they are: a copy of a
// token that the batch computes comes from its row, a copy of a copy from where that one came from.
std::vector<KeptToken> PlanKeeping(std::span<const ops::KvRun> runs);

}  // namespace prm::cuda
