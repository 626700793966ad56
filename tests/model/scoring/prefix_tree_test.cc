#include "model/scoring/prefix_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <numeric>
#include <random>
#include <thread>

namespace prm {
namespace {

using testing::ElementsAre;
using Ids = std::vector<TokenId>;

Ids Range(int count, TokenId first = 0) {
  Ids ids(static_cast<size_t>(count));
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}
Ids operator+(Ids a, const Ids& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

PrefixTree::Path Add(PrefixTree* tree, const Ids& ids) {
  PrefixTree::Path path = *tree->Acquire(ids);
  tree->Commit({&path, 1});
  return path;
}

TEST(PrefixTreeTest, WhatWasComputedIsReused) {
  PrefixTree tree(16);
  EXPECT_EQ(Add(&tree, Range(100)).reused(), 0);
  EXPECT_EQ(Add(&tree, Range(100)).reused(), 100);
  EXPECT_EQ(Add(&tree, Range(30)).reused(), 30);
  EXPECT_EQ(Add(&tree, Range(300)).reused(), 100);
  EXPECT_EQ(Add(&tree, Range(10, 5)).reused(), 0);
  EXPECT_EQ(tree.Match(Range(400)), 300);
  EXPECT_EQ(tree.Match(Range(64) + Range(9, 1000)), 64);
}

TEST(PrefixTreeTest, ATraceGrowsInItsBlocks) {
  PrefixTree tree(16);
  const auto before = Add(&tree, Range(100)).blocks();
  const auto path = Add(&tree, Range(130));
  EXPECT_EQ(path.copy(), std::nullopt);
  ASSERT_EQ(path.blocks().size(), 3u);
  EXPECT_EQ(path.blocks()[0], before[0]);
  EXPECT_EQ(path.blocks()[1], before[1]);
  EXPECT_EQ(tree.free_blocks(), 13);
}

TEST(PrefixTreeTest, AForkCopiesTheBlockItLeavesAndNoFullOne) {
  PrefixTree tree(16);
  const auto trunk = Add(&tree, Range(200)).blocks();
  const auto path = Add(&tree, Range(150) + Range(80, 1000));
  EXPECT_EQ(path.reused(), 150);
  const auto blocks = path.blocks();
  EXPECT_EQ(blocks[0], trunk[0]);
  EXPECT_EQ(blocks[1], trunk[1]);
  EXPECT_EQ(path.copy(), (BlockCopy{trunk[2], blocks[2]}));
  EXPECT_EQ(tree.free_blocks(), 16 - 4 - 2);
  // At a block border nothing is copied.
  EXPECT_EQ(Add(&tree, Range(128) + Range(5, 2000)).copy(), std::nullopt);
}

TEST(PrefixTreeTest, TracesOfOneBatchShareTheirPrefix) {
  PrefixTree tree(16);
  std::vector<PrefixTree::Path> batch;
  for (int i = 0; i < 4; ++i) batch.push_back(*tree.Acquire(Range(90) + Range(20, 1000 * (i + 1))));
  EXPECT_EQ(batch[0].reused(), 0);
  for (int i = 1; i < 4; ++i) {
    EXPECT_EQ(batch[size_t(i)].reused(), 90);
    EXPECT_EQ(batch[size_t(i)].blocks()[0], batch[0].blocks()[0]);
  }
  tree.Commit(batch);
  EXPECT_EQ(tree.free_blocks(), 16 - 5);
}

TEST(PrefixTreeTest, TheLeastRecentlyUsedLeafGoesFirst) {
  PrefixTree tree(4);
  Add(&tree, Range(64) + Range(64, 1000));  // a trunk and a branch
  Add(&tree, Range(64) + Range(64, 2000));
  Add(&tree, Range(64, 3000));
  Add(&tree, Range(64) + Range(64, 1000));  // used again
  Add(&tree, Range(64, 4000));              // takes the block of the second branch
  EXPECT_EQ(tree.Match(Range(64) + Range(64, 2000)), 64);
  EXPECT_EQ(tree.Match(Range(64) + Range(64, 1000)), 128);
  EXPECT_EQ(tree.Match(Range(64, 3000)), 64);
  Add(&tree, Range(64, 5000));
  EXPECT_EQ(tree.Match(Range(64, 3000)), 0);
}

TEST(PrefixTreeTest, WhatABatchHoldsIsNotEvicted) {
  PrefixTree tree(3);
  auto held = *tree.Acquire(Range(128));
  EXPECT_EQ(tree.Acquire(Range(65, 1000)), std::nullopt);
  auto fits = *tree.Acquire(Range(64, 1000));
  // A fork's source is also held: it must live until it is copied.
  EXPECT_EQ(tree.Acquire(Range(100) + Range(1, 7)), std::nullopt);
  const std::vector<PrefixTree::Path> batch = {held, fits};
  tree.Commit(batch);
  EXPECT_EQ(tree.Match(Range(128)), 128);
  EXPECT_EQ(Add(&tree, Range(65, 1000)).reused(), 64);
}

TEST(PrefixTreeTest, ATraceBeyondTheCapacityHasNoRoom) {
  PrefixTree tree(2);
  EXPECT_EQ(tree.max_tokens(), 128);
  EXPECT_EQ(tree.Acquire(Range(129)), std::nullopt);
  EXPECT_EQ(Add(&tree, Range(128)).reused(), 0);
}

TEST(PrefixTreeTest, AnAbortedBatchLeavesWhatWasComputedBefore) {
  PrefixTree tree(8);
  Add(&tree, Range(40));
  const std::vector<PrefixTree::Path> batch = {*tree.Acquire(Range(200)),
                                               *tree.Acquire(Range(50) + Range(30, 1000)),
                                               *tree.Acquire(Range(10, 5000))};
  tree.KeepScore(batch[0], 39, {0.5f, {}});
  tree.KeepScore(batch[0], 45, {0.25f, {}});
  tree.Abort(batch);
  EXPECT_EQ(tree.free_blocks(), 7);
  EXPECT_EQ(tree.Match(Range(200)), 40);
  EXPECT_EQ(tree.Match(Range(10, 5000)), 0);
  const auto path = Add(&tree, Range(60));
  EXPECT_EQ(tree.ScoreAt(path, 39)->p_correct, 0.5f);
  EXPECT_EQ(tree.ScoreAt(path, 45), std::nullopt);
}

TEST(PrefixTreeTest, ScoresStayWithTheirTokens) {
  PrefixTree tree(8);
  const auto path = Add(&tree, Range(100));
  tree.KeepScore(path, 99, {0.25f, LabelProbs{0.125f, 0.125f, 0.5f, 0.25f}});
  tree.KeepScore(path, 70, {0.75f, {}});
  const auto longer = Add(&tree, Range(130));
  EXPECT_EQ(tree.ScoreAt(longer, 99)->label_probs->at(2), 0.5f);
  EXPECT_EQ(tree.ScoreAt(longer, 98), std::nullopt);
  const auto fork = Add(&tree, Range(80) + Range(10, 1000));
  EXPECT_EQ(tree.ScoreAt(fork, 70)->p_correct, 0.75f);
  EXPECT_EQ(tree.ScoreAt(fork, 85), std::nullopt);
}

// Blocks store, per token, a hash of all ids up to it, on which keys and values depend.
class SimulatedMemory {
 public:
  explicit SimulatedMemory(int64_t blocks) : slots_(size_t(blocks) * kBlockTokens, 0) {}

  void Write(const PrefixTree::Path& path, const Ids& ids) {
    if (const auto copy = path.copy()) {
      std::copy_n(Slot(copy->from, 0), kBlockTokens, Slot(copy->to, 0));
    }
    const auto blocks = path.blocks();
    uint64_t hash = 1;
    for (size_t t = 0; t < ids.size(); ++t) {
      hash = Next(hash, ids[t]);
      if (int64_t(t) >= path.reused()) *Slot(blocks[t / kBlockTokens], t % kBlockTokens) = hash;
    }
  }
  bool Holds(const PrefixTree::Path& path, const Ids& ids) {
    const auto blocks = path.blocks();
    uint64_t hash = 1;
    for (size_t t = 0; t < ids.size(); ++t) {
      hash = Next(hash, ids[t]);
      if (*Slot(blocks.at(t / kBlockTokens), t % kBlockTokens) != hash) return false;
    }
    return blocks.size() == (ids.size() + kBlockTokens - 1) / kBlockTokens;
  }

 private:
  static uint64_t Next(uint64_t hash, TokenId id) {
    return (hash ^ uint64_t(id + 7)) * 1099511628211u;
  }
  uint64_t* Slot(BlockId block, size_t slot) {
    return &slots_[size_t(block) * kBlockTokens + slot];
  }
  std::vector<uint64_t> slots_;
};

size_t CommonPrefix(const Ids& a, const Ids& b) {
  return size_t(
      std::mismatch(a.begin(), a.begin() + std::min(a.size(), b.size()), b.begin()).first -
      a.begin());
}

struct Growth {
  int64_t blocks;
  bool ample;  // nothing is evicted: everything ever computed is reused
};
class PrefixTreeProperty : public testing::TestWithParam<Growth> {};
INSTANTIATE_TEST_SUITE_P(All, PrefixTreeProperty,
                         testing::Values(Growth{20000, true}, Growth{12, false}));

TEST_P(PrefixTreeProperty, TenThousandOperationsAgreeWithANaiveModel) {
  std::mt19937 random(11);
  PrefixTree tree(GetParam().blocks);
  SimulatedMemory memory(GetParam().blocks);
  std::vector<Ids> known = {{}};
  int operations = 0, refused = 0;
  while (operations < 10000) {
    std::vector<PrefixTree::Path> batch;
    std::vector<Ids> traces;
    for (size_t n = 1 + random() % 5; n > 0; --n, ++operations) {
      const Ids& base = known[known.size() - 1 - random() % std::min<size_t>(known.size(), 40)];
      Ids ids(base.begin(), base.begin() + random() % (base.size() + 1));
      for (size_t grow = random() % 90; grow > 0; --grow) ids.push_back(TokenId(random() % 3));
      if (ids.empty() || ids.size() > 900) continue;
      const auto path = tree.Acquire(ids);
      ASSERT_TRUE(path || !GetParam().ample);
      if (!path) {
        ++refused;
        continue;
      }
      size_t reusable = 0;
      for (const Ids& other : known) reusable = std::max(reusable, CommonPrefix(ids, other));
      for (const Ids& other : traces) reusable = std::max(reusable, CommonPrefix(ids, other));
      if (GetParam().ample) {
        ASSERT_EQ(size_t(path->reused()), reusable);
      }
      ASSERT_LE(size_t(path->reused()), reusable);
      memory.Write(*path, ids);
      batch.push_back(*path);
      traces.push_back(ids);
    }
    for (size_t b = 0; b < batch.size(); ++b) ASSERT_TRUE(memory.Holds(batch[b], traces[b]));
    if (random() % 8 == 0) {
      tree.Abort(batch);
    } else {
      tree.Commit(batch);
      known.insert(known.end(), traces.begin(), traces.end());
    }
    ASSERT_GE(tree.free_blocks(), 0);
  }
  EXPECT_EQ(refused > 10, !GetParam().ample);
}

TEST(PrefixTreeThreads, MatchingWhileOthersAddIsSafe) {
  PrefixTree tree(30);
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      const int64_t match = tree.Match(Range(500));
      EXPECT_TRUE(match >= 0 && match <= 500);
      EXPECT_LE(tree.free_blocks(), 30);
    }
  });
  std::mt19937 random(5);
  for (int i = 0; i < 500; ++i)
    Add(&tree, Range(1 + int(random() % 500)) + Range(3, int(random())));
  done = true;
  reader.join();
}

TEST(PrefixTreeTest, ForgetsATraceButNotWhatAnotherGoesOnFrom) {
  PrefixTree tree(16);
  Add(&tree, Range(200));
  Add(&tree, Range(130) + Range(70, 1000));
  Add(&tree, Range(40, 500));
  tree.Forget(Range(200));
  EXPECT_EQ(tree.Match(Range(130) + Range(70, 1000)), 200);
  EXPECT_EQ(tree.Match(Range(200)), 130) << "copied to the other's block";
  EXPECT_EQ(tree.Match(Range(40, 500)), 40);
  tree.Forget(Range(130) + Range(70, 1000));
  EXPECT_EQ(tree.Match(Range(200)), 0);
  tree.Forget(Range(10, 700));
  tree.Forget(Range(40, 500));
  EXPECT_EQ(tree.free_blocks(), 16);
}

}  // namespace
}  // namespace prm
