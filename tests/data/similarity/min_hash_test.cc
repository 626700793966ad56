#include "data/similarity/min_hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

namespace prm {
namespace {

// Two sets of `size` grams whose Jaccard similarity is near `similarity`.
std::pair<std::vector<uint32_t>, std::vector<uint32_t>> SetsOfSimilarity(double similarity,
                                                                         size_t size,
                                                                         std::mt19937* random) {
  const auto common = size_t(std::lround(double(2 * size) * similarity / (1 + similarity)));
  std::vector<uint32_t> a(size);
  for (uint32_t& gram : a) gram = (*random)();
  std::vector<uint32_t> b(a.begin(), a.begin() + long(common));
  while (b.size() < size) b.push_back((*random)());
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return {a, b};
}

TEST(MinHash, JaccardIsSharedOverAll) {
  const std::vector<uint32_t> a = {1, 2, 3, 4}, b = {3, 4, 5}, none;
  EXPECT_DOUBLE_EQ(Jaccard(a, b), 2.0 / 5);
  EXPECT_DOUBLE_EQ(Jaccard(a, a), 1);
  EXPECT_DOUBLE_EQ(Jaccard(a, none), 0);
  EXPECT_DOUBLE_EQ(Jaccard(none, none), 1);
}

TEST(MinHash, GramsAreRunsOfFiveWords) {
  EXPECT_EQ(GramSet("a b c d e f g").size(), 3u);
  EXPECT_EQ(GramSet("a b c d e a b c d e").size(), 5u);  // the first gram occurs twice
  EXPECT_EQ(GramSet("a b").size(), 1u);
  EXPECT_EQ(GramSet("a b c", 3), GramSet("a b c"));
  EXPECT_TRUE(GramSet("").empty());
  // One changed word changes the five grams it is in.
  const auto a = GramSet("a b c d e f g h i j k l"), b = GramSet("a b c d e f X h i j k l");
  EXPECT_DOUBLE_EQ(Jaccard(a, b), 3.0 / 13);
}

TEST(MinHash, TheEstimateIsUnbiased) {
  std::mt19937 random(5);
  for (const double similarity : {0.0, 0.3, 0.5, 0.8, 0.95}) {
    double sum = 0, squares = 0, exact = 0;
    constexpr int kTrials = 200;
    for (int i = 0; i < kTrials; ++i) {
      const auto [a, b] = SetsOfSimilarity(similarity, 150, &random);
      exact += Jaccard(a, b);
      const double estimate = EstimateJaccard(SketchOf(a), SketchOf(b));
      sum += estimate;
      squares += (estimate - similarity) * (estimate - similarity);
    }
    // Standard error of the mean of 200 estimates of deviation 0.045: 0.0032; five of them.
    EXPECT_NEAR(sum / kTrials, exact / kTrials, 0.016) << similarity;
    EXPECT_LT(std::sqrt(squares / kTrials), 0.06) << similarity;
  }
}

// Half of the 128 low bytes are equal, one in 256 by chance.
TEST(MinHash, ChanceIsTakenOffTheEstimate) {
  MinHashSketch a = {}, b = {};
  for (size_t i = 0; i < 64; ++i) b.low_bits[2 * i] = 1;
  EXPECT_DOUBLE_EQ(EstimateJaccard(a, b), (0.5 - 1.0 / 256) / (255.0 / 256));
  EXPECT_DOUBLE_EQ(EstimateJaccard(a, a), 1);
}

// 1 - (1 - s^8)^16, the curve of 16 bands of 8 rows.
TEST(MinHash, SetsShareABandAsOftenAsTheCurveSays) {
  std::mt19937 random(6);
  for (const double similarity : {0.5, 0.7, 0.8, 0.9}) {
    int hits = 0;
    constexpr int kTrials = 400;
    for (int i = 0; i < kTrials; ++i) {
      const auto [a, b] = SetsOfSimilarity(similarity, 200, &random);
      const MinHashSketch x = SketchOf(a), y = SketchOf(b);
      bool hit = false;
      for (size_t band = 0; band < kBands; ++band) hit |= x.bands[band] == y.bands[band];
      hits += hit;
    }
    const double expected = 1 - std::pow(1 - std::pow(similarity, 8), 16);
    // Five standard deviations of a share of 400 trials, and the rounding of the similarity.
    const double slack = 5 * std::sqrt(expected * (1 - expected) / kTrials) + 0.01;
    EXPECT_NEAR(double(hits) / kTrials, expected, slack) << similarity;
  }
}

TEST(NearIndex, FindsExactlyTheSetsThatAreAlike) {
  std::mt19937 random(7);
  int found_alike = 0, found_unlike = 0;
  constexpr int kPairs = 300;
  for (int i = 0; i < kPairs; ++i) {
    const double similarity = i % 2 ? 0.9 : 0.7;
    const auto [a, b] = SetsOfSimilarity(similarity, 200, &random);
    NearIndex index;
    const uint32_t item = index.Add(a, SketchOf(a));
    const auto matches = index.Find(b, SketchOf(b));
    if (matches.empty()) continue;
    (i % 2 ? found_alike : found_unlike) += 1;
    EXPECT_EQ(matches[0].item, item);
    EXPECT_DOUBLE_EQ(matches[0].similarity, Jaccard(a, b));
  }
  EXPECT_GE(found_alike, 148);
  EXPECT_EQ(found_unlike, 0);
}

// 1 - (1 - 0.818^8)^16 = 0.972 of them: 389 of 400, standard deviation 3.3.
TEST(NearIndex, FindsWhatIsJustAlikeAsOftenAsTheCurveSays) {
  std::mt19937 random(9);
  int found = 0;
  for (int i = 0; i < 400; ++i) {
    const auto [a, b] = SetsOfSimilarity(0.82, 200, &random);
    NearIndex index;
    index.Add(a, SketchOf(a));
    found += !index.Find(b, SketchOf(b)).empty();
  }
  EXPECT_GE(found, 372);
}

TEST(NearIndex, TheBoundItselfIsAlike) {
  std::mt19937 random(10);
  int found = 0;
  for (int i = 0; i < 100; ++i) {
    std::vector<uint32_t> a(10);
    for (uint32_t& gram : a) gram = random();
    std::sort(a.begin(), a.end());
    std::vector<uint32_t> b(a.begin() + 2, a.end());  // 8 of 10
    NearIndex index;
    index.Add(a, SketchOf(a));
    found += !index.Find(b, SketchOf(b)).empty();
  }
  EXPECT_GE(found, 80);
}

TEST(NearIndex, KeepsItsItemsWhileItGrows) {
  std::mt19937 random(8);
  NearIndex index;
  std::vector<std::vector<uint32_t>> sets;
  for (int i = 0; i < 5000; ++i) {
    sets.push_back(SetsOfSimilarity(0, 20, &random).first);
    EXPECT_TRUE(index.Find(sets.back(), SketchOf(sets.back())).empty());
    EXPECT_EQ(index.Add(sets.back(), SketchOf(sets.back())), uint32_t(i));
  }
  for (size_t i = 0; i < sets.size(); ++i) {
    const auto matches = index.Find(sets[i], SketchOf(sets[i]));
    ASSERT_EQ(matches.size(), 1u);
    EXPECT_EQ(matches[0].item, i);
    EXPECT_EQ(matches[0].similarity, 1);
  }
  EXPECT_EQ(index.left_out(), 0);
}

TEST(NearIndex, CountsWhatItLeavesOut) {
  NearIndex index;
  const std::vector<uint32_t> one = {1, 2, 3};
  for (int i = 0; i < NearIndex::kMaxBucket + 10; ++i) index.Add(one, SketchOf(one));
  EXPECT_EQ(index.Find(one, SketchOf(one)).size(), size_t(NearIndex::kMaxBucket) + 10);
  EXPECT_EQ(index.left_out(), 10);  // of the first band; the second finds them
}

}  // namespace
}  // namespace prm
