// The client of the scoring service: many traces a call, several calls at once, answers in order.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "serve/client/client_options.h"
#include "serve/wire/codec.h"

namespace prm {

// Used by one thread at a time; `emit` is called on it, in Add and Flush.
class ScoringClient {
 public:
  using Emit = std::function<void(ScoreLine)>;

  ScoringClient(const ClientOptions& options, Emit emit);
  // Waits for calls in flight and drops their answers.
  ~ScoringClient();
  ScoringClient(const ScoringClient&) = delete;
  ScoringClient& operator=(const ScoringClient&) = delete;

  // What the server has loaded. Throws Error naming the server.
  ModelDescription Describe();

  // Lines go to `emit` in the order of Add; a trace that the server refuses gets a line with its
  // error. Both throw Error naming the server where a call fails as a whole: the server is gone
  // or full after all attempts, or it answers what was not asked.
  void Add(const Trace& trace);
  // Sends what waits and hands out every line; call it at the end.
  void Flush();

 private:
  struct Calls;
  using Lines = std::vector<ScoreLine>;

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
  std::deque<std::future<Lines>> in_flight_;  // in the order of sending
};

}  // namespace prm
