// The traces of a load generator that grow a step at a time, on streams.
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

// A stream for each stub, opened when it is first needed, and again when it has ended. Append is
// called by one thread; `end` is called on others, under no lock, and once for each Append.
class LoadSessions {
 public:
  using End = std::function<void(const LoadCall& call, std::optional<ErrorCode> code)>;

  // `traces`, each of at least one step, and the stubs are borrowed. `sessions` grow at once.
  LoadSessions(std::vector<v1::ScoringService::Stub*> stubs, std::span<const Trace> traces,
               int sessions, End end);
  // Ends the streams; every Append must have ended.
  ~LoadSessions();
  LoadSessions(const LoadSessions&) = delete;
  LoadSessions& operator=(const LoadSessions&) = delete;

  // Sends the next step of the session that waited longest, or, where fewer than `sessions` are
  // open, the first step of the next trace's. Where all wait for answers, that with the fewest gets
  // another step. A trace that has ended makes place for another. Does not wait for the answer.
  void Append(const LoadCall& call);

  // The traces of the first `sessions` end at different steps from now on, so that those that
  // follow do not all begin at once. Before the first Append, by its thread.
  void Stagger() { staggered_ = true; }

  // The name of the model that the sessions ask. Before the first Append, by its thread.
  void AskModel(const std::string& model) { model_ = model; }

  // The deadline of streams that are opened from now on. Before the first Append, by its thread.
  void EndStreamsAfter(std::chrono::duration<double> time);

  // Ends the streams under way, and with them what waits for an answer. Any thread.
  void Cancel();

 private:
  struct Stream;
  struct Session {
    const Trace* trace = nullptr;
    int sent = 0;                     // steps
    int end = 0;                      // steps to send
    int tokens = 0;                   // of the trace so far
    std::deque<LoadCall> calls = {};  // that wait for answers
    bool grows() const { return sent < end; }
  };
  // The step that an Append sends.
  struct Turn {
    Stream* stream = nullptr;
    std::string session;
    const Trace* trace = nullptr;
    int step = 0;
  };
  using Place = std::pair<Stream*, std::string>;  // of a session

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
  // Of Append's thread:
  size_t begun_ = 0;  // sessions
  bool staggered_ = false;
  std::string model_;  // empty: the only one
  std::chrono::system_clock::time_point give_up_ = std::chrono::system_clock::time_point::max();

  std::mutex mutex_;
  std::vector<std::unique_ptr<Stream>> streams_;  // fixed; of them, guarded by mutex_: their state
  std::deque<Place> idle_;                        // guarded by mutex_; that waited longest first
};

}  // namespace prm
