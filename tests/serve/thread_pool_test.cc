#include "serve/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace prm {
namespace {

TEST(ThreadPool, RunsEveryAcceptedTaskBeforeItEnds) {
  std::atomic<int> ran = 0;
  int accepted = 0;
  {
    ThreadPool pool(3, 1000);
    for (int i = 0; i < 500; ++i) accepted += pool.TryPost([&] { ++ran; });
  }
  EXPECT_EQ(accepted, 500);
  EXPECT_EQ(ran, 500);
}

TEST(ThreadPool, RefusesMoreThanMayWaitUnlessItMustNot) {
  std::latch started(1), release(1);
  std::atomic<int> ran = 0;
  {
    ThreadPool pool(1, 2);
    ASSERT_TRUE(pool.TryPost([&] {
      started.count_down();
      release.wait();
    }));
    started.wait();
    EXPECT_TRUE(pool.TryPost([&] { ++ran; }));
    EXPECT_TRUE(pool.TryPost([&] { ++ran; }));
    EXPECT_FALSE(pool.TryPost([&] { ++ran; }));
    pool.Post([&] { ++ran; });
    release.count_down();
  }
  EXPECT_EQ(ran, 3);
}

}  // namespace
}  // namespace prm
