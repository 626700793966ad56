#include "data/tokenizers/bpe_merge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace prm {
namespace {

struct Pair {
  TokenId left, right;
  MergeTable::Merge merge;
};

MergeTable TableOf(const std::vector<Pair>& pairs) {
  MergeTable table(pairs.size());
  for (const Pair& pair : pairs) table.Add(pair.left, pair.right, pair.merge);
  return table;
}

// By definition: search all pairs for every merge.
std::vector<TokenId> MergeByDefinition(const MergeTable& table, std::vector<TokenId> ids) {
  while (true) {
    size_t best = 0;
    MergeTable::Merge merge;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const MergeTable::Merge candidate = table.Find(ids[i], ids[i + 1]);
      if (candidate.rank < merge.rank) {
        merge = candidate;
        best = i;
      }
    }
    if (merge.rank == MergeTable::kNoRank) return ids;
    ids[best] = merge.merged;
    ids.erase(ids.begin() + static_cast<int64_t>(best) + 1);
  }
}

// Merges among `alphabet` symbols and their results; with `ties`, ranks repeat.
MergeTable RandomTable(std::mt19937* random, TokenId alphabet, bool ties) {
  std::vector<Pair> pairs;
  TokenId next = alphabet;
  for (int i = 0; i < 60; ++i) {
    const auto left = static_cast<TokenId>((*random)() % static_cast<unsigned>(next));
    const auto right = static_cast<TokenId>((*random)() % static_cast<unsigned>(next));
    pairs.push_back({left, right, {ties ? i / 4 : i, next++}});
  }
  return TableOf(pairs);
}

TEST(BpeMerge, WordsOfAnyLengthMergeAsDefined) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const TokenId alphabet = 2 + static_cast<TokenId>(random() % 3);
    const MergeTable table = RandomTable(&random, alphabet, round % 2 == 0);
    for (const size_t size : {0u, 1u, 2u, 3u, 17u, 47u, 48u, 49u, 50u, 200u}) {
      std::vector<TokenId> word(size);
      for (TokenId& id : word)
        id = static_cast<TokenId>(random() % static_cast<unsigned>(alphabet));
      std::vector<TokenId> merged = word;
      MergeWord(table, &merged);
      ASSERT_EQ(merged, MergeByDefinition(table, word)) << "round " << round << " size " << size;
    }
  }
}

TEST(BpeMerge, LowestRankFirstAndLeftmostAmongEquals) {
  const MergeTable ranked = TableOf({{1, 2, {5, 12}}, {2, 3, {4, 23}}});
  std::vector<TokenId> word = {1, 2, 3};
  MergeWord(ranked, &word);
  EXPECT_EQ(word, (std::vector<TokenId>{1, 23}));
  const MergeTable equal = TableOf({{1, 2, {4, 12}}, {2, 3, {4, 23}}});
  word = {1, 2, 3};
  MergeWord(equal, &word);
  EXPECT_EQ(word, (std::vector<TokenId>{12, 3}));
}

TEST(BpeMerge, APairIsAddedOnce) {
  MergeTable table(2);
  EXPECT_TRUE(table.Add(1, 2, {0, 3}));
  EXPECT_FALSE(table.Add(1, 2, {1, 4}));
  EXPECT_EQ(table.Find(1, 2).merged, 3);
  EXPECT_EQ(table.Find(2, 1).rank, MergeTable::kNoRank);
}

// Quadratic work on it would take hours: the test's time limit is the check.
TEST(BpeMerge, AMillionSymbolsMerge) {
  std::vector<Pair> pairs;
  for (TokenId id = 0; id < 12; ++id) pairs.push_back({id, id, {id, id + 1}});
  std::vector<TokenId> word(size_t{1} << 20, 0);
  MergeWord(TableOf(pairs), &word);
  EXPECT_EQ(word, std::vector<TokenId>(size_t{1} << 8, 12));
}

}  // namespace
}  // namespace prm
