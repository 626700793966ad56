// Assigns tiles of queries to blocks of keys, on the host, so that kernels need no arithmetic on
// runs. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/kernels/cuda/launch.h"
#include "model/ops/prefix_attention.h"

namespace prm::cuda {

// Splits and merges that are launched together. Launches run one after the other and use the same
// slots.
struct Launch {
  int split_begin = 0, split_end = 0, merge_begin = 0, merge_end = 0;
};

// The arrays of PrefixAttentionArgs.
struct PrefixPlan {
  std::vector<TileRow> rows;  // [tiles * kTileRows]
  std::vector<KeyVisit> visits;
  std::vector<Split> splits;  // longest first within a launch
  std::vector<Merge> merges;
  std::vector<Launch> launches;  // in order; together they cover all splits and merges
  int slots = 0;                 // of the launch with the most
};
// `group` query heads share a key/value head; window as in AttentionShape. Runs that begin with the
// same blocks should be adjacent. They share tiles, which read common blocks once for all rows, if
// that saves more block reads than it adds. A launch takes at most `most_slots` slots, or those of
// one tile.
PrefixPlan PlanPrefixAttention(std::span<const ops::KvRun> runs, int group, int window,
                               int most_slots = INT32_MAX);

// Pads the arrays with entries that do nothing, as one launch: to `entries` tiles, splits, merges
// and slots, and kVisits * `entries` visits. Returns false, with no change, if there are more.
inline constexpr int kVisits = kSplitBlocks;
bool FillUp(int entries, PrefixPlan* plan);

// The writes of KeepKeysAndValues: each slot once, from sources that no write changes. A copy of a
// token computed in this batch reads the token's row; a copy of a copy reads the original.
std::vector<KeptToken> PlanKeeping(std::span<const ops::KvRun> runs);

}  // namespace prm::cuda
