#include "data/stop_signal.h"

#include <gtest/gtest.h>

#include <thread>

namespace prm {
namespace {

class StopSignalOf : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Both, StopSignalOf, testing::Values(SIGTERM, SIGINT));

TEST_P(StopSignalOf, OnceReceivedStaysReceived) {
  const StopSignal stop;
  EXPECT_FALSE(stop.Received());
  raise(GetParam());
  EXPECT_TRUE(stop.Received());
  stop.Wait();
  stop.Wait();
  EXPECT_TRUE(stop.Received());
}

TEST_P(StopSignalOf, ASignalEndsTheWait) {
  const StopSignal stop;
  std::thread waiting([&] { stop.Wait(); });
  kill(getpid(), GetParam());
  waiting.join();
  EXPECT_TRUE(stop.Received());
}

TEST_P(StopSignalOf, ASecondSignalEndsTheProgram) {
  const auto raise_twice = [] {
    const StopSignal stop;
    raise(GetParam());
    raise(GetParam());
  };
  EXPECT_EXIT(raise_twice(), testing::KilledBySignal(GetParam()), "");
}

int caught_by_former = 0;

TEST_P(StopSignalOf, TheFormerHandlerComesBack) {
  const auto usual = signal(GetParam(), [](int number) { caught_by_former = number; });
  { const StopSignal stop; }
  raise(GetParam());
  signal(GetParam(), usual);
  EXPECT_EQ(caught_by_former, GetParam());
}

}  // namespace
}  // namespace prm
