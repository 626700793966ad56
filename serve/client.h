// The client of the scoring service: many traces a call, several calls at once, answers in order.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "serve/codec.h"

namespace prm {

struct ClientOptions {
  std::string server = "127.0.0.1:50051";
  int traces_per_call = 32;
  int calls_in_flight = 4;
  int attempts = 10;          // of one call, while the server is not there or full
  int timeout_seconds = 600;  // of one attempt
  std::string client_id;      // for the server's fairness; empty: each connection is a client
  // A call carries traces of one problem only and names it in its metadata, so that a proxy may
  // send a problem always to the same server.
  bool route_by_problem = false;
  // Waits before another attempt; passed in so that tests own the time.
  std::function<void(std::chrono::milliseconds)> sleep = [](std::chrono::milliseconds delay) {
    std::this_thread::sleep_for(delay);
  };
};

// Before attempt `attempt` + 1, attempts from 1: exponential from 50 ms to at most 2 s, of which
// `jitter` in [0, 1) takes away up to half, so that many clients do not come back at once. Where
// the server says when (`pushback`), then, or later by up to half.
std::chrono::milliseconds RetryDelay(int attempt, double jitter,
                                     std::optional<std::chrono::milliseconds> pushback = {});

// Used by one thread at a time; `emit` is called on it, in Add and Flush.
class ScoringClient {
 public:
  using Emit = std::function<void(TraceAnswer)>;

  ScoringClient(const ClientOptions& options, Emit emit);
  // Waits for calls in flight and drops their answers.
  ~ScoringClient();
  ScoringClient(const ScoringClient&) = delete;
  ScoringClient& operator=(const ScoringClient&) = delete;

  // What the server has loaded. Throws Error naming the server.
  ModelDescription Describe();

  // Answers go to `emit` in the order of Add; a trace that the server refuses gets an answer with
  // its error. Both throw Error naming the server where a call fails as a whole: the server is gone
  // or full after all attempts, or it answers what was not asked.
  void Add(const Trace& trace);
  // Sends what waits and hands out every answer; call it at the end.
  void Flush();

 private:
  struct Calls;
  using Answers = std::vector<TraceAnswer>;

  void Learn();
  void Send();
  void TakeFirst();

  const ClientOptions options_;
  const Emit emit_;
  const std::shared_ptr<Calls> calls_;  // shared with calls in flight
  bool learnt_ = false;                 // limits_ and model_ came from the server
  CallLimits limits_;
  ModelDescription model_;
  v1::ScoreTracesRequest next_;  // being filled
  int64_t next_bytes_ = 0;
  std::deque<std::future<Answers>> in_flight_;  // in the order of sending
};

}  // namespace prm
