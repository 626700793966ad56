// The plans of the CUDA kernels: every query meets every key that it sees once, in order, and a
// batch stores what its runs store one after the other.
#include <map>
#include <set>
#include <string>
#include <utility>

#include "model/ops/prefix_attention.h"
#include "tests/model/kernels/cuda_emulation.h"
// Include the emulation before the kernels.
#include "model/kernels/cuda/plan.h"
#include "model/kernels/cuda/prefix_attention.cuh"
#include "tests/model/kernels/check.h"
#include "tests/model/kernels/random_runs.h"

namespace prm {
namespace {

using cuda::PrefixPlan;
using ops::kKvBlockTokens;
using Slots = std::vector<int64_t>;

// The slots of the keys for row `index` of a split's tile, as the kernel visits them.
Slots MetKeys(const PrefixPlan& plan, const cuda::Split& split, int index, int window) {
  Slots met;
  const int position = plan.rows[size_t(split.tile * cuda::kTileRows + index)].position;
  for (int v = split.visit_begin; v < split.visit_end; ++v) {
    const cuda::KeyVisit& visit = plan.visits[size_t(v)];
    const cuda::KeyRange seen = cuda::SeenKeys(visit, index, position, window);
    for (int key = std::max(0, seen.first); key <= seen.last; ++key) {
      met.push_back(int64_t(visit.block) * kKvBlockTokens + key);
    }
  }
  return met;
}

// Splits by tile, in the order in which their sums are added.
std::map<int, std::vector<cuda::Split>> SplitsOfTiles(const PrefixPlan& plan) {
  std::map<int, std::vector<cuda::Split>> tiles;
  for (const cuda::Split& split : plan.splits) tiles[split.tile].push_back(split);
  for (auto& [tile, splits] : tiles) {
    std::sort(splits.begin(), splits.end(),
              [](const cuda::Split& a, const cuda::Split& b) { return a.slot < b.slot; });
  }
  return tiles;
}

bool MergesFit(const PrefixPlan& plan) {
  const auto tiles = SplitsOfTiles(plan);
  size_t merged = 0;
  for (const cuda::Merge& merge : plan.merges) {
    const auto& splits = tiles.at(merge.tile);
    merged += splits.size();
    if (splits.size() < 2 || splits.front().slot != merge.slot_begin ||
        splits.back().slot + 1 != merge.slot_end ||
        merge.slot_end - merge.slot_begin != int(splits.size())) {
      return false;
    }
  }
  for (const auto& [tile, splits] : tiles) {
    if (splits.size() == 1) merged += splits[0].slot == -1;
  }
  return merged == plan.splits.size();
}

// Returns "" if every (row, key) pair is met once, by ascending positions.
std::string FaultOf(const PrefixPlan& plan, const std::vector<ops::KvRun>& runs, int group,
                    int window) {
  std::map<std::pair<int, int>, Slots> met;
  for (const auto& [tile, splits] : SplitsOfTiles(plan)) {
    for (int index = 0; index < cuda::kTileRows; ++index) {
      const cuda::TileRow& row = plan.rows[size_t(tile * cuda::kTileRows + index)];
      if (row.row < 0) continue;
      const auto [entry, is_new] = met.try_emplace({row.row, row.head});
      if (!is_new) return "a row in two tiles";
      for (const cuda::Split& split : splits) {
        const Slots keys = MetKeys(plan, split, index, window);
        entry->second.insert(entry->second.end(), keys.begin(), keys.end());
      }
    }
  }
  size_t rows = 0;
  for (const ops::KvRun& run : runs) {
    for (int64_t i = 0; i < run.count; ++i) {
      const int64_t position = run.position + i;
      Slots expected;
      for (int64_t p = window > 0 ? std::max<int64_t>(0, position - window + 1) : 0; p <= position;
           ++p) {
        expected.push_back(int64_t(run.blocks[size_t(p / kKvBlockTokens)]) * kKvBlockTokens +
                           p % kKvBlockTokens);
      }
      for (int head = 0; head < group; ++head, ++rows) {
        const auto found = met.find({int(run.row + i), head});
        if (found == met.end()) return "a row in no tile";
        if (found->second != expected) return "a row meets other keys than it sees";
      }
    }
  }
  return rows == met.size() ? "" : "a tile has rows of no run";
}

void TestCoverage() {
  std::string fault;
  bool merges_fit = true;
  int shared = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    RandomRuns tree(seed, 1000);
    const int group = int(1 + seed % 9), window = seed % 3 == 0 ? int(1 + tree.Below(300)) : 0;
    for (int batch = 0; batch < 4; ++batch) {
      const RunBatch b = tree.Any(int(1 + tree.Below(12)), batch == 0 ? 700 : 60);
      const PrefixPlan plan = cuda::PlanPrefixAttention(b.runs, group, window);
      if (fault.empty()) fault = FaultOf(plan, b.runs, group, window);
      merges_fit = merges_fit && MergesFit(plan);
      shared += int(plan.rows.size() / cuda::kTileRows) < int(b.runs.size());
    }
  }
  Expect(("every row meets every key that it sees once, in order: " + fault).c_str(),
         fault.empty());
  Expect("slots of splits are those of their merges", merges_fit);
  Expect("runs shared tiles", shared > 10);
}

void TestFaultsAreSeen() {
  RandomRuns tree(5, 100);
  RunBatch first, batch;
  tree.Start(150, &first);
  tree.Fork(0, 100, 30, &batch);
  tree.Append(0, 20, &batch);
  PrefixPlan plan = cuda::PlanPrefixAttention(batch.runs, 3, 0);
  plan.visits[0].count -= 1;
  Expect("a planted fault is seen: a key too few", !FaultOf(plan, batch.runs, 3, 0).empty());
  plan.visits[0].count += 1;
  plan.visits[0].row_begin += 1;
  Expect("a planted fault is seen: a row too few", !FaultOf(plan, batch.runs, 3, 0).empty());
}

// Eight branches of a long trunk, one token each: its blocks are read once for all of them.
void TestBranchesShareReads() {
  RandomRuns tree(5, 200);
  RunBatch first, batch;
  tree.Start(2048, &first);
  for (int i = 0; i < 8; ++i) tree.Fork(0, 2048, 1, &batch);
  const PrefixPlan plan = cuda::PlanPrefixAttention(batch.runs, 7, 0);
  Expect("eight branches are one tile", plan.rows.size() == size_t(cuda::kTileRows));
  Expect("which meets the trunk's blocks once", plan.visits.size() == 2048 / 64 + 8);
  Expect("in splits that fill the device", plan.splits.size() == 2048 / 64 / 8 + 1);
  RunBatch apart;
  for (int i = 0; i < 8; ++i) tree.Start(30, &apart);
  Expect("strangers share no tile",
         cuda::PlanPrefixAttention(apart.runs, 1, 0).rows.size() == size_t(8 * cuda::kTileRows));
}

// Slots by value, with runs applied one after the other and blocks copied whole.
std::map<int64_t, int64_t> KeptByOrder(const std::vector<ops::KvRun>& runs, int64_t first_row,
                                       std::map<int64_t, int64_t> slots) {
  for (const ops::KvRun& run : runs) {
    if (!run.keeps) continue;
    const auto slot = [&](int64_t position) {
      return int64_t(run.blocks[size_t(position / kKvBlockTokens)]) * kKvBlockTokens +
             position % kKvBlockTokens;
    };
    for (int64_t t = run.position / kKvBlockTokens * kKvBlockTokens;
         run.copy_from >= 0 && t < run.position; ++t) {
      slots[slot(t)] = slots.at(int64_t(run.copy_from) * kKvBlockTokens + t % kKvBlockTokens);
    }
    for (int64_t i = 0; i < run.count; ++i) slots[slot(run.position + i)] = first_row + run.row + i;
  }
  return slots;
}

void TestKeeping() {
  bool same = true, once = true, steady = true;
  for (unsigned seed = 0; seed < 40; ++seed) {
    RandomRuns tree(seed, 1000);
    std::map<int64_t, int64_t> slots;
    for (int batch = 0; batch < 4; ++batch) {
      const RunBatch b = tree.Any(int(1 + tree.Below(12)), 100);
      const int64_t first_row = 10000 * batch;
      const auto expected = KeptByOrder(b.runs, first_row, slots);
      const auto before = slots;
      std::set<int32_t> filled;
      const std::vector<cuda::KeptToken> kept = cuda::PlanKeeping(b.runs);
      for (const cuda::KeptToken& k : kept) once = once && filled.insert(k.slot).second;
      for (const cuda::KeptToken& k : kept) {
        steady = steady && (k.source >= 0 || !filled.contains(-1 - k.source));
        slots[k.slot] = k.source >= 0 ? first_row + k.source : before.at(-1 - k.source);
      }
      same = same && slots == expected;
    }
  }
  Expect("a batch keeps what its runs keep in their order", same);
  Expect("no slot is filled twice", once);
  Expect("no slot is filled that another is copied from", steady);
}

// FillUp's entries do nothing, and the existing entries stay.
void TestFillUp() {
  RandomRuns random(5, 4096);
  bool fits = true, same = true, idle = true, refused = true;
  for (int round = 0; round < 50; ++round) {
    const RunBatch batch = random.Any(1 + int(random.Below(6)), 40);
    const cuda::PrefixPlan plan = cuda::PlanPrefixAttention(batch.runs, 3, 0);
    cuda::PrefixPlan filled = plan;
    refused = refused && !cuda::FillUp(int(plan.splits.size()) - 1, &filled) &&
              filled.splits.size() == plan.splits.size();
    fits = fits && cuda::FillUp(256, &filled) && filled.splits.size() == 256 &&
           filled.rows.size() == size_t{256} * cuda::kTileRows;
    for (size_t i = 0; i < filled.splits.size(); ++i) {
      const cuda::Split& s = filled.splits[i];
      if (i >= plan.splits.size()) {
        idle = idle && s.visit_begin == s.visit_end;
      } else {
        same = same && s.tile == plan.splits[i].tile && s.slot == plan.splits[i].slot;
      }
    }
    for (size_t i = plan.rows.size(); i < filled.rows.size(); ++i) {
      idle = idle && filled.rows[i].row < 0;
    }
    for (size_t i = plan.merges.size(); i < filled.merges.size(); ++i) {
      idle = idle && filled.merges[i].slot_begin == filled.merges[i].slot_end;
    }
  }
  Expect("a plan is filled up", fits);
  Expect("behind what it holds", same);
  Expect("with what does nothing", idle);
  Expect("but not cut", refused);
}

// Each launch has its own slots for partial sums, few enough, and nothing else changes.
void TestLaunches() {
  bool few = true, whole = true, same = true;
  int several = 0;
  for (unsigned seed = 0; seed < 30; ++seed) {
    RandomRuns tree(seed, 4000);
    const int most = int(2 + seed % 9);
    RunBatch batch;
    for (int i = 0; i < 3; ++i) tree.Start(500 + tree.Below(2500), &batch);
    const PrefixPlan all = cuda::PlanPrefixAttention(batch.runs, 3, 0),
                     plan = cuda::PlanPrefixAttention(batch.runs, 3, 0, most);
    several += plan.launches.size() > 1;
    int split = 0, merge = 0, largest = 0;
    for (const cuda::Launch& launch : plan.launches) {
      whole = whole && launch.split_begin == split && launch.merge_begin == merge;
      std::set<int> slots, tiles;
      for (; split < launch.split_end; ++split) {
        const cuda::Split& s = plan.splits[size_t(split)];
        if (s.slot < 0) continue;
        whole = whole && slots.insert(s.slot).second;
        tiles.insert(s.tile);
      }
      int merged = 0;
      for (; merge < launch.merge_end; ++merge) {
        const cuda::Merge& m = plan.merges[size_t(merge)];
        whole = whole && tiles.contains(m.tile) && m.slot_begin == merged;
        merged = m.slot_end;
      }
      whole =
          whole && merged == int(slots.size()) && (slots.empty() || *slots.rbegin() + 1 == merged);
      few = few && (merged <= most || tiles.size() == 1);
      largest = std::max(largest, merged);
    }
    whole = whole && split == int(plan.splits.size()) && merge == int(plan.merges.size());
    same = same && plan.slots == largest && all.launches.size() == 1 &&
           plan.splits.size() == all.splits.size() && FaultOf(plan, batch.runs, 3, 0).empty();
  }
  Expect("a launch has few slots, or one tile", few);
  Expect("launches take every split and merge once", whole);
  Expect("and every row meets the keys that it sees", same);
  Expect("there were several launches", several > 20);
}

}  // namespace
}  // namespace prm

int main() {
  using namespace prm;
  TestCoverage();
  TestFaultsAreSeen();
  TestBranchesShareReads();
  TestKeeping();
  TestFillUp();
  TestLaunches();
  return Failures();
}
