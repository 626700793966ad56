// Traces of a load generator that grow step by step, on streams.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/trace.h"
#include "proto/prm/v1/scoring.grpc.pb.h"
#include "serve/load/load.h"
#include "serve/wire/session_messages.h"

namespace prm {

// One stream per stub, opened when first needed, and reopened if it has ended. Append is called by
// one thread; `end` is called on others, under no lock, once per Append.
class LoadSessions {
 public:
  using End = std::function<void(const LoadCall& call, std::optional<ErrorCode> code)>;

  // Borrows the stubs and `traces`, each of at least one step. `sessions` traces grow at once.
  LoadSessions(const std::vector<v1::ScoringService::Stub*>& stubs, std::span<const Trace> traces,
               int sessions, End end);
  // Ends the streams; every Append must have ended.
  ~LoadSessions();
  LoadSessions(const LoadSessions&) = delete;
  LoadSessions& operator=(const LoadSessions&) = delete;

  // Sends one step and does not wait for its answer: the first step of a new session if fewer than
  // `sessions` are open, else the next step of the session that was idle longest; if all wait for
  // answers, of the one that waits for fewest (none left: a new session). Ended traces are closed.
  void Append(const LoadCall& call);

  // The next three methods: call before the first Append, on its thread.

  // Ends the first `sessions` traces at different steps, so that their successors do not all start
  // at once.
  void Stagger() { staggered_ = true; }

  // Sets the model's name in the sessions' requests.
  void AskModel(const std::string& model) { model_ = model; }

  // Sets the deadline of the streams.
  void EndStreamsAfter(std::chrono::duration<double> time);

  // Ends the open streams and their pending requests. Any thread.
  void Cancel();

 private:
  struct Stream;
  struct Session {
    const Trace* trace = nullptr;
    int sent = 0;                     // steps sent
    int end = 0;                      // steps to send
    int tokens = 0;                   // of the trace so far
    std::deque<LoadCall> calls = {};  // calls without an answer
    bool grows() const { return sent < end; }
  };
  // The step to send for an Append.
  struct Turn {
    Stream* stream = nullptr;
    std::string session;
    const Trace* trace = nullptr;
    int step = 0;
  };
  using Place = std::pair<Stream*, std::string>;  // a session's stream and name

  std::optional<Turn> ContinueLocked(const LoadCall& call, std::vector<Place>* ended);
  std::optional<Place> LeastBusyLocked() const;
  Turn TakeTurnLocked(const Place& place, const LoadCall& call);
  std::optional<Turn> Begin(const LoadCall& call);
  void EnsureOpen(Stream* stream);
  void Read(Stream* stream);
  void Answer(Stream* stream, const StreamReply& reply);
  void EndAll(Stream* stream, ErrorCode code);

  const std::span<const Trace> traces_;
  const size_t sessions_;
  const End end_;
  // Used only by Append's thread:
  size_t begun_ = 0;  // sessions begun
  bool staggered_ = false;
  std::string model_;  // empty: the only one
  std::chrono::system_clock::time_point give_up_ = std::chrono::system_clock::time_point::max();

  std::mutex mutex_;
  std::vector<std::unique_ptr<Stream>> streams_;  // fixed; their state is guarded by mutex_
  std::deque<Place> idle_;                        // guarded by mutex_; longest idle first
};

}  // namespace prm
