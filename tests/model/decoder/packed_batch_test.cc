#include "model/decoder/packed_batch.h"

#include <gtest/gtest.h>

namespace prm {
namespace {

TEST(Pack, PutsTracesInOneRowWithPositionsAndReadsOfTheirOwn) {
  const std::vector<TraceTokens> traces = {{{7, 8, 9}, {0, 2}}, {{5}, {0}}, {{1, 2}, {1}}};
  const PackedBatch batch = Pack(traces);
  EXPECT_EQ(batch.ids, (std::vector<int64_t>{7, 8, 9, 5, 1, 2}));
  EXPECT_EQ(batch.positions, (std::vector<int64_t>{0, 1, 2, 0, 0, 1}));
  EXPECT_EQ(batch.offsets, (std::vector<int64_t>{0, 3, 4, 6}));
  EXPECT_EQ(batch.reads, (std::vector<int64_t>{0, 2, 3, 5}));
  EXPECT_EQ(batch.read_offsets, (std::vector<int64_t>{0, 2, 3, 4}));
}

}  // namespace
}  // namespace prm
