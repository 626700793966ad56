#include "data/text/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace prm {
namespace {

using testing::ElementsAre;

// Known answers published by the authors.
TEST(Philox, KnownAnswers) {
  EXPECT_THAT(Philox({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  EXPECT_THAT(Philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
              ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(Philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

// The first numbers of the reference implementation for the seed 1234567.
TEST(SplitMix, KnownAnswers) {
  SplitMix random(1234567);
  std::vector<uint64_t> numbers;
  for (int i = 0; i < 3; ++i) numbers.push_back(random.Next());
  EXPECT_THAT(numbers,
              ElementsAre(6457827717110365317u, 3203168211198807973u, 9817491932198370423u));
}

// With bounds that do not divide 2^64, a plain remainder would favour the lower half.
TEST(SynthRandom, BelowFavoursNoNumber) {
  SynthRandom random(1);
  constexpr uint64_t kBound = (uint64_t{1} << 63) + (uint64_t{1} << 62);  // three quarters of 2^64
  int low = 0;
  for (int i = 0; i < 10000; ++i) low += random.Below(kBound) < kBound / 3;
  EXPECT_NEAR(low, 3333, 250) << "by the remainder it would be 5000";
}

}  // namespace
}  // namespace prm
