#include "data/text/hash.h"

#include <gtest/gtest.h>

#include <string_view>

namespace prm {
namespace {

uint64_t Fnv(std::string_view text) {
  Fnv1a hash;
  hash.Add(text);
  return hash.value();
}

// Known answers published by the authors.
TEST(Fnv1a, KnownAnswers) {
  EXPECT_EQ(Fnv(""), 0xcbf29ce484222325u);
  EXPECT_EQ(Fnv("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(Fnv("foobar"), 0x85944171f73967e8u);
  EXPECT_EQ(Fnv("\xff"), 0xaf64724c8602eb6eu) << "bytes are not signed";
}

TEST(Fnv1a, ASeedGivesAHashOfItsOwn) {
  Fnv1a seeded(1);
  seeded.Add("a");
  EXPECT_NE(seeded.value(), Fnv("a"));
}

}  // namespace
}  // namespace prm
