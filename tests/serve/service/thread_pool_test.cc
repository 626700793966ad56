#include "serve/service/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace prm {
namespace {

TEST(ThreadPool, RunsEveryPostedTaskBeforeItEnds) {
  for (const int threads : {1, 3}) {
    std::atomic<int> ran = 0;
    {
      ThreadPool pool(threads);
      for (int i = 0; i < 500; ++i) {
        pool.Post([&] { ++ran; }, i % 3 == 0 ? TaskLength::kLong : TaskLength::kShort);
      }
    }
    EXPECT_EQ(ran, 500) << threads;
  }
}

TEST(ThreadPool, LongTasksLeaveAThreadToShortOnes) {
  std::latch release(1), short_ran(3);
  std::atomic<int> long_running = 0, most = 0;
  {
    ThreadPool pool(3);
    for (int i = 0; i < 5; ++i) {
      pool.Post(
          [&] {
            const int now = ++long_running;
            if (now > most) most = now;
            release.wait();
            --long_running;
          },
          TaskLength::kLong);
    }
    for (int i = 0; i < 3; ++i) pool.Post([&] { short_ran.count_down(); });
    short_ran.wait();  // forever if long ones hold all threads
    release.count_down();
  }
  EXPECT_LE(most, 2);
}

}  // namespace
}  // namespace prm
