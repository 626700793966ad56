#include "data/io/stop_signal.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

namespace prm {
namespace {

// Starts with the signal's default effect, also under nohup.
class StopSignalOf : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { former_ = signal(GetParam(), SIG_DFL); }
  void TearDown() override { signal(GetParam(), former_); }

 private:
  sighandler_t former_;
};
INSTANTIATE_TEST_SUITE_P(All, StopSignalOf, testing::Values(SIGTERM, SIGINT, SIGHUP));

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
    if (GetParam() == SIGHUP) raise(SIGHUP);  // comes in pairs, and ends nothing
    raise(GetParam() == SIGHUP ? SIGTERM : GetParam());
  };
  EXPECT_EXIT(raise_twice(), testing::KilledBySignal(GetParam() == SIGHUP ? SIGTERM : GetParam()),
              "");
}

TEST(StopSignal, AfterAStopByTheProgramASignalIsStillTheFirst) {
  const auto former = signal(SIGTERM, SIG_DFL);
  {
    const StopSignal stop;
    stop.Stop();
    stop.Wait();
    EXPECT_TRUE(stop.Received());
    raise(SIGTERM);
  }
  signal(SIGTERM, former);
}

TEST(StopSignal, AHangUpThatIsIgnoredStaysIgnored) {
  const auto former = signal(SIGHUP, SIG_IGN);
  {
    const StopSignal stop;
    raise(SIGHUP);
    EXPECT_FALSE(stop.Received());
  }
  signal(SIGHUP, former);
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
