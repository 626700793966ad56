// Checks over the network, as a client would, that a server still answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

namespace prm {

struct WatchdogOptions {
  std::string address;                       // the server's listening address
  std::chrono::milliseconds period{10'000};  // between calls; also the deadline of a call
  // A count of refused connections. If it grows, the server is alive. May be empty.
  std::function<int64_t()> refused = {};
};

// After this many unanswered calls in a row a server counts as deaf.
inline constexpr int kDeafAfterCalls = 3;

// Calls grpc.health.v1.Health/Check over a new connection each time, from construction to
// destruction. Any answer is a sign of life, NOT_SERVING too. After kDeafAfterCalls unanswered
// calls in a row, on_deaf is called with the reason, once, on the watchdog's thread.
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
