#include "model/kernels/cuda/plan.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "model/ops/prefix_attention.h"

namespace prm::cuda {
namespace {

using ops::KvRun;

static_assert(kBlockTokens == ops::kKvBlockTokens);

// Rows [begin, end) of a tile: consecutive tokens of one run. The first and last token may have
// only some of their heads in it.
struct Piece {
  const KvRun* run;
  int begin, end;
  int64_t first, last;  // positions
};

struct Planner {
  int group, window, most_slots;
  PrefixPlan plan = {};
  int slots = 0;                   // of the open launch
  std::vector<Piece> pieces = {};  // of the open tile

  int FirstBlock(int64_t position) const {
    return window > 0 ? int(std::max<int64_t>(0, position - window + 1) / kBlockTokens) : 0;
  }
  static int LastBlock(int64_t position) { return int(position / kBlockTokens); }

  // Whether `run` shares at least as many blocks with the run before it as it has of its own.
  bool Shares(const KvRun& before, const KvRun& run) const {
    const auto used = [](const KvRun& r) { return LastBlock(r.position + r.count - 1) + 1; };
    const int count = used(run), most = std::min(used(before), count);
    int common = 0;
    while (common < most && before.blocks[size_t(common)] == run.blocks[size_t(common)]) ++common;
    const int first = std::max(FirstBlock(before.position), FirstBlock(run.position));
    const int together = common - first;
    return together > 0 && together >= count - common;
  }

  void AddRun(const KvRun& run) {
    const int64_t rows = run.count * group;
    for (int64_t row = 0; row < rows;) {
      const int begin = pieces.empty() ? 0 : pieces.back().end;
      if (begin == kTileRows) {
        CloseTile();
        continue;
      }
      const int count = int(std::min<int64_t>(kTileRows - begin, rows - row));
      for (int64_t i = row; i < row + count; ++i) {
        plan.rows.push_back(
            {int32_t(run.row + i / group), int32_t(i % group), int32_t(run.position + i / group)});
      }
      pieces.push_back({&run, begin, begin + count, run.position + row / group,
                        run.position + (row + count - 1) / group});
      row += count;
    }
  }

  // Visits of block `index` of the traces: one per group of adjacent pieces with the same block.
  void AddVisits(int index) {
    const int64_t position = int64_t(index) * kBlockTokens;
    const Piece* before = nullptr;
    for (const Piece& piece : pieces) {
      if (index < FirstBlock(piece.first) || index > LastBlock(piece.last)) continue;
      const int32_t block = piece.run->blocks[size_t(index)];
      const int count = int(std::min<int64_t>(kBlockTokens, piece.last + 1 - position));
      if (before && before->end == piece.begin && plan.visits.back().block == block) {
        plan.visits.back().row_end = piece.end;
        plan.visits.back().count = std::max(plan.visits.back().count, count);
      } else {
        plan.visits.push_back({block, int32_t(position), count, piece.begin, piece.end});
      }
      before = &piece;
    }
  }

  void CloseTile() {
    if (pieces.empty()) return;
    const int tile = int(plan.rows.size() - 1) / kTileRows;
    plan.rows.resize(size_t(tile + 1) * kTileRows);
    int first = FirstBlock(pieces[0].first), last = 0;
    for (const Piece& piece : pieces) {
      first = std::min(first, FirstBlock(piece.first));
      last = std::max(last, LastBlock(piece.last));
    }
    const size_t first_split = plan.splits.size();
    for (int index = first; index <= last; ++index) {
      const int visit_begin = int(plan.visits.size());
      AddVisits(index);
      const bool opens = index == first || index % kSplitBlocks == 0;
      if (opens) plan.splits.push_back({tile, visit_begin, visit_begin, -1});
      plan.splits.back().visit_end = int(plan.visits.size());
    }
    NumberSlots(tile, first_split);
    pieces.clear();
  }

  void CloseLaunch() {
    const Launch begin = plan.launches.empty() ? Launch() : plan.launches.back();
    const int splits = int(plan.splits.size()), merges = int(plan.merges.size());
    if (splits == begin.split_end) return;
    plan.launches.push_back({begin.split_end, splits, begin.merge_end, merges});
    std::stable_sort(plan.splits.begin() + begin.split_end, plan.splits.end(),
                     [](const Split& a, const Split& b) {
                       return a.visit_end - a.visit_begin > b.visit_end - b.visit_begin;
                     });
    plan.slots = std::max(plan.slots, slots);
    slots = 0;
  }

  // Numbers the slots of a tile's splits, those from `first` on; drops splits without visits.
  void NumberSlots(int tile, size_t first) {
    const auto begin = plan.splits.begin() + int64_t(first);
    plan.splits.erase(std::remove_if(begin, plan.splits.end(),
                                     [](const Split& s) { return s.visit_begin == s.visit_end; }),
                      plan.splits.end());
    const int count = int(plan.splits.size() - first);
    if (count < 2) return;
    if (slots > 0 && slots + count > most_slots) {
      // This tile's splits open the next launch.
      const std::vector<Split> own(plan.splits.begin() + int64_t(first), plan.splits.end());
      plan.splits.resize(first);
      CloseLaunch();
      plan.splits.insert(plan.splits.end(), own.begin(), own.end());
    }
    plan.merges.push_back({tile, slots, slots + count});
    for (size_t i = first; i < plan.splits.size(); ++i) plan.splits[i].slot = slots++;
  }
};

}  // namespace

PrefixPlan PlanPrefixAttention(std::span<const KvRun> runs, int group, int window, int most_slots) {
  std::vector<size_t> order(runs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return runs[a].blocks < runs[b].blocks; });
  Planner planner{group, window, most_slots};
  const KvRun* before = nullptr;
  for (const size_t i : order) {
    if (before && !planner.Shares(*before, runs[i])) planner.CloseTile();
    planner.AddRun(runs[i]);
    before = &runs[i];
  }
  planner.CloseTile();
  planner.CloseLaunch();
  return std::move(planner.plan);
}

bool FillUp(int entries, PrefixPlan* plan) {
  const size_t most = size_t(entries);
  if (plan->launches.size() > 1 || plan->rows.size() > most * kTileRows ||
      plan->visits.size() > most * kVisits || plan->splits.size() > most ||
      plan->merges.size() > most || plan->slots > entries) {
    return false;
  }
  plan->rows.resize(most * kTileRows);
  plan->visits.resize(most * kVisits);
  plan->splits.resize(most);
  plan->merges.resize(most);
  plan->slots = entries;
  plan->launches = {{0, entries, 0, entries}};
  return true;
}

std::vector<KeptToken> PlanKeeping(std::span<const KvRun> runs) {
  std::vector<KeptToken> kept;
  std::unordered_map<int32_t, int32_t> source_of;  // of the slots filled so far
  const auto fill = [&](int32_t slot, int32_t source) {
    kept.push_back({source, slot});
    source_of[slot] = source;
  };
  for (const KvRun& run : runs) {
    if (!run.keeps) continue;
    const auto slot_of = [&](int64_t position) {
      return int32_t(int64_t{run.blocks[size_t(position / kBlockTokens)]} * kBlockTokens +
                     position % kBlockTokens);
    };
    const int64_t block_begin = run.position / kBlockTokens * kBlockTokens;
    for (int64_t t = block_begin; run.copy_from >= 0 && t < run.position; ++t) {
      const int32_t from = int32_t(int64_t{run.copy_from} * kBlockTokens + t % kBlockTokens);
      const auto earlier = source_of.find(from);
      fill(slot_of(t), earlier != source_of.end() ? earlier->second : -1 - from);
    }
    for (int64_t i = 0; i < run.count; ++i) fill(slot_of(run.position + i), int32_t(run.row + i));
  }
  return kept;
}

}  // namespace prm::cuda
