#include "data/curation/finding_sample.h"

#include <gtest/gtest.h>

#include <set>

namespace prm {
namespace {

std::vector<Finding> SampleOf(int count, size_t size, uint64_t seed) {
  FindingSample sample(size, seed);
  for (int i = 0; i < count; ++i) {
    sample.Add([&] { return Finding{std::to_string(i), -1, "", ""}; });
  }
  EXPECT_EQ(sample.count(), count);
  return sample.findings();
}

TEST(FindingSample, KeepsAllOfFew) {
  std::set<std::string> ids;
  for (const Finding& finding : SampleOf(7, 10, 1)) ids.insert(finding.id);
  EXPECT_EQ(ids.size(), 7u);
  EXPECT_TRUE(SampleOf(7, 0, 1).empty());
}

TEST(FindingSample, EveryFindingHasTheSameChance) {
  std::vector<int> drawn(20, 0);
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const std::vector<Finding> findings = SampleOf(20, 5, seed);
    EXPECT_EQ(findings.size(), 5u);
    for (const Finding& finding : findings) ++drawn[size_t(std::stoi(finding.id))];
  }
  // 2000 draws at 1/4: mean 500, standard deviation 19.4; five of them.
  for (const int count : drawn) EXPECT_NEAR(count, 500, 97);
}

TEST(FindingSample, EqualSeedsGiveEqualSamples) {
  const auto ids = [](uint64_t seed) {
    std::string joined;
    for (const Finding& finding : SampleOf(100, 5, seed)) joined += finding.id + " ";
    return joined;
  };
  EXPECT_EQ(ids(3), ids(3));
  EXPECT_NE(ids(3), ids(4));
}

}  // namespace
}  // namespace prm
