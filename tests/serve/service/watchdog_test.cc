#include "serve/service/watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/serve/server_fixture.h"

namespace prm {
namespace {

using testing::HasSubstr;

// The reason that a watchdog with `options` reports; waits for it.
std::string WhyDeaf(const WatchdogOptions& options) {
  std::promise<std::string> why;
  const Watchdog watchdog(options, [&](const std::string& said) { why.set_value(said); });
  return why.get_future().get();
}

TEST(Watchdog, NobodyThereIsDeaf) {
  std::string address;
  {
    const auto server = Start();
    address = server->address();
  }
  EXPECT_THAT(WhyDeaf({.address = address, .period = std::chrono::milliseconds(100)}),
              HasSubstr("no answer to 3 health calls at " + address));
}

TEST(Watchdog, AServerThatAnswersOrRefusesIsNotDeaf) {
  const auto server = Start();
  std::atomic<int> asked = 0;
  const auto count = [&] { return int64_t(++asked); };
  const auto fail = [](const std::string& why) { ADD_FAILURE() << why; };
  const Watchdog answered({.address = server->address(), .period = std::chrono::milliseconds(200)},
                          fail);
  const Watchdog refused(
      {.address = "127.0.0.1:1", .period = std::chrono::milliseconds(5), .refused = count}, fail);
  while (asked < 2 * 4 * kDeafAfterCalls) std::this_thread::yield();
}

TEST(Watchdog, EndsAtOnceWhileItWaits) {
  const auto server = Start();
  const Watchdog watchdog({.address = server->address(), .period = std::chrono::hours(1)},
                          [](const std::string&) {});
}

}  // namespace
}  // namespace prm
