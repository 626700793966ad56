#include "data/conversion/id_set.h"

#include <gtest/gtest.h>

#include <string>

#include "data/text/sha256.h"

namespace prm {
namespace {

TEST(IdSet, TellsIdsApartAndFindsThemAgain) {
  IdSet ids;
  EXPECT_FALSE(ids.Contains("a"));
  EXPECT_TRUE(ids.Insert("a"));
  EXPECT_FALSE(ids.Insert("a"));
  EXPECT_TRUE(ids.Contains("a"));
  EXPECT_TRUE(ids.Insert(""));
  EXPECT_TRUE(ids.Insert(std::string("a\0", 2)));
  EXPECT_EQ(ids.size(), 3u);
}

TEST(IdSet, AnIdTakesAtMostSixteenBytesHoweverMany) {
  constexpr int kIds = 1000000;
  IdSet ids;
  for (int i = 0; i < kIds; ++i) {
    ASSERT_TRUE(ids.Insert("trace/" + std::to_string(i)));
    if (i < 50000 || i % 1000 != 0) continue;
    ASSERT_LE(ids.memory_bytes(), 16 * ids.size()) << i;
  }
  for (int i = 0; i < kIds; i += 997) EXPECT_FALSE(ids.Insert("trace/" + std::to_string(i)));
  EXPECT_EQ(ids.size(), size_t(kIds));
  EXPECT_GE(ids.memory_bytes(), 12 * ids.size());
}

TEST(Sha256, EqualsThePublishedDigests) {
  // Source: FIPS 180-4, examples of NIST.
  Sha256 hash;
  EXPECT_EQ(hash.TakeHex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  hash.Add("a");
  hash.Add("bc");
  EXPECT_EQ(hash.TakeHex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace prm
