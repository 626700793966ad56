// Asks a server over the wire, as a client would, whether it still hears.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

namespace prm {

struct WatchdogOptions {
  std::string address;                       // that the server listens on
  std::chrono::milliseconds period{10'000};  // between calls; also how long one may take
  // A number that grows when the server turns a connection away: that is an answer, too. May be
  // empty.
  std::function<int64_t()> refused = {};
};

// How many calls in a row find nobody before a server is called deaf.
inline constexpr int kDeafAfterCalls = 3;

// Calls grpc.health.v1.Health/Check over a new connection each time, from construction to
// destruction. Any answer is a sign of life, NOT_SERVING too. Where there is none kDeafAfterCalls
// times in a row, on_deaf is called with the reason, once, on the watchdog's thread.
class Watchdog {
 public:
  Watchdog(const WatchdogOptions& options, std::function<void(const std::string& why)> on_deaf);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Watch(std::stop_token stop);

  const WatchdogOptions options_;
  const std::function<void(const std::string&)> on_deaf_;
  std::jthread thread_;
};

}  // namespace prm
