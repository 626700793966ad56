#include "serve/batching/shares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace prm {
namespace {

using testing::HasSubstr;

int TakeAll(Shares& shares, uint64_t client) {
  int taken = 0;
  while (shares.TryTake(client)) ++taken;
  return taken;
}

TEST(Shares, AClientAloneHasHalfAndEachThatComesHalfOfTheRest) {
  Shares shares(256);
  EXPECT_EQ(TakeAll(shares, 1), 128);
  EXPECT_EQ(TakeAll(shares, 2), 64);
  EXPECT_EQ(TakeAll(shares, 3), 32);
  EXPECT_TRUE(shares.TryTake(4));
  EXPECT_FALSE(shares.TryTake(1));
}

TEST(Shares, ClientsThatTakeInTurnHaveEqualShares) {
  Shares shares(100);
  std::vector<int> taken(4);
  for (bool any = true; any;) {
    any = false;
    for (size_t client = 0; client < taken.size(); ++client) {
      const bool took = shares.TryTake(client);
      taken[client] += took;
      any = any || took;
    }
  }
  EXPECT_EQ(taken, std::vector<int>(4, 20));
}

TEST(Shares, OneOfFewPlacesIsForWhoComesFirst) {
  for (const int places : {1, 2, 3}) {
    Shares shares(places);
    EXPECT_EQ(TakeAll(shares, 1), (places + 1) / 2) << places;
  }
}

TEST(Shares, ManyAtOnceAreTakenOrNone) {
  Shares shares(100);
  EXPECT_FALSE(shares.TryTake(1, 101));
  EXPECT_TRUE(shares.TryTake(1, 40));
  EXPECT_FALSE(shares.TryTake(1, 11));
  EXPECT_TRUE(shares.TryTake(1, 10));
  EXPECT_EQ(shares.taken(), 50);
}

TEST(Shares, OneTakeHasNoMoreThanManySmallOnes) {
  for (const int places : {1, 2, 3, 100, 101}) {
    Shares one(places), many(places);
    const int most = TakeAll(many, 1);
    EXPECT_FALSE(one.TryTake(1, most + 1)) << places;
    EXPECT_TRUE(one.TryTake(1, most)) << places;
  }
}

TEST(Shares, ARefusalSaysWhatThereIsAndWhoHasIt) {
  Shares shares(8);
  TakeAll(shares, 1);
  EXPECT_THAT(shares.Refusal(1, "streams"),
              HasSubstr("4 streams of at most 8, 4 of them this client's"));
  EXPECT_THAT(shares.Refusal(2, "streams"),
              HasSubstr("4 streams of at most 8, 0 of them this client's"));
}

TEST(Held, IsReturnedByWhoHeldIt) {
  Shares shares(10);
  {
    Held held(&shares, 1);
    EXPECT_TRUE(held.Set(5));
    EXPECT_FALSE(held.Set(6));
    EXPECT_EQ(held.count(), 5);
    EXPECT_TRUE(held.Set(2));
    EXPECT_EQ(shares.taken(), 2);
    Held other = std::move(held);
    EXPECT_EQ(shares.taken(), 2);
    other = Held();
    EXPECT_EQ(shares.taken(), 0);
    EXPECT_TRUE(held.Set(3));
  }
  EXPECT_EQ(shares.taken(), 0);
}

TEST(Shares, ManyThreadsLoseNoPlace) {
  Shares shares(1000);
  std::vector<std::thread> threads;
  for (uint64_t client = 0; client < 4; ++client) {
    threads.emplace_back([&, client] {
      for (int round = 0; round < 2000; ++round) {
        Held held(&shares, client);
        held.Set(round % 300);
        held.Set(round % 200);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shares.taken(), 0);
}

}  // namespace
}  // namespace prm
