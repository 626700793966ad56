// The client of ScoreTraces: many traces per call, several calls in flight, answers in order.
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

  // Returns the server's model. Throws Error, which names the server.
  ModelDescription Describe();

  // Lines go to `emit` in the order of Add; a trace that the server refuses gets a line with its
  // error. Add and Flush throw Error, which names the server, if a whole call fails: the server is
  // gone or full after all attempts, or its answer does not fit the request.
  void Add(const Trace& trace);
  // Sends the remaining traces and emits all lines. Call it at the end.
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
  bool learnt_ = false;                 // whether limits_ and model_ came from the server
  CallLimits limits_;
  ModelDescription model_;
  v1::ScoreTracesRequest next_;  // the request being filled
  int64_t next_bytes_ = 0;
  std::deque<std::future<Lines>> in_flight_;  // in the order of sending
};

}  // namespace prm
