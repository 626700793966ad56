#include "model/scoring/batching.h"

#include <gtest/gtest.h>

namespace prm {
namespace {

TEST(GroupByTokens, CoversEveryItemOnceInOrderWithinTheBudget) {
  const std::vector<int64_t> tokens = {3, 4, 5, 20, 1, 1, 9};
  const std::vector<BatchRange> expected = {{0, 2}, {2, 3}, {3, 4}, {4, 6}, {6, 7}};
  EXPECT_EQ(GroupByTokens(tokens, 10), expected);
  EXPECT_TRUE(GroupByTokens({}, 10).empty());
}

}  // namespace
}  // namespace prm
