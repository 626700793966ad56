// The bounded queue in front of the scorers and the threads that empty it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "data/error.h"
#include "model/step_scorer.h"
#include "serve/batching/batch_forming.h"

namespace prm {

// What became of one trace; given to its callback exactly once.
struct TraceOutcome {
  TraceScore scored;  // empty where `error` is set
  std::optional<Error> error;
  int64_t queue_us = 0;    // from Submit until work first began or the trace left the queue
  int64_t compute_us = 0;  // of the batches that the trace was in; 0: no work began
};

// One trace to score.
struct BatchItem {
  TraceTokens tokens;
  int first_step = 0;  // of which tokens.step_reads[0] is, for messages
  SteadyTime deadline = SteadyTime::max();
  Priority priority = Priority::kUnary;
  uint64_t client = 0;  // whose it is: clients share the queue and the scorers fairly
  // Set by the caller at any time, from any thread; null: never cancelled.
  std::shared_ptr<const std::atomic<bool>> cancelled;
  // Called once on a worker's thread, or within Submit or Stop where the item leaves the queue
  // there; never under a lock. Must not throw.
  std::function<void(TraceOutcome)> done;
};

// kResourceExhausted: the queue has no room.
class QueueFull : public Error {
 public:
  QueueFull(const std::string& what, std::chrono::milliseconds retry_after)
      : Error(ErrorCode::kResourceExhausted,
              StrCat(what, "; try again in ", retry_after.count(), " ms")),
        retry_after_(retry_after) {}
  std::chrono::milliseconds retry_after() const { return retry_after_; }

 private:
  std::chrono::milliseconds retry_after_;
};

// When a refused call should come again: after the time in which `tokens_per_second` works off what
// stands in its way, and at least an eighth of what waits, so that the many that are refused do not
// all come for the first free place; between 100 ms and 10 s. A rate of 0 is not known yet: 1 s.
std::chrono::milliseconds RetryAfter(int64_t excess_tokens, int64_t waiting_tokens,
                                     double tokens_per_second);

// What a worker did last, for metrics and logs.
struct BatchReport {
  int traces = 0;               // that took part, whole or with a chunk
  int chunks = 0;               // of these, such as go on in a later batch
  int64_t tokens = 0;           // by which the traces got on
  int64_t tokens_computed = 0;  // the other tokens of the traces were reused
  int64_t compute_us = 0;
  int expired = 0;           // left the queue without work
  int cancelled = 0;         // left the queue without work
  int64_t queue_traces = 0;  // still waiting
  int64_t queue_tokens = 0;
};

struct BatcherOptions {
  int64_t max_queue_traces = 8192;
  int64_t max_queue_tokens = int64_t{4} << 20;
  BatchLimits batch;
  // A worker without work of its own takes that of another for which more tokens than these wait;
  // below, waiting for the prefixes that are there costs less than computing them again. 0: always.
  int64_t steal_above_tokens = 8192;
  // Passed in so that tests own the time.
  std::function<SteadyTime()> now = [] { return std::chrono::steady_clock::now(); };
  // Called after every batch on the worker's thread, under no lock; may be empty.
  std::function<void(const BatchReport&)> on_batch;
};

// Batches traces across requests by the tokens to compute. There is no timer: a free worker takes
// what waits, so an idle server answers at once and a busy one fills its batches. Each worker
// thread owns one StepScorer. Where scorers reuse prefixes, long traces are split into chunks, and
// all traces of one problem go to the worker that has its prefixes
// (BatcherOptions::steal_above_tokens says when not); elsewhere any worker takes any trace, whole.
// All public methods may be called from any thread, but not from a callback (Submit excepted).
class Batcher {
 public:
  // Throws Error(kInvalidArgument) for no scorers, std::system_error where a thread cannot be
  // started.
  Batcher(const BatcherOptions& options, std::vector<std::unique_ptr<StepScorer>> scorers);
  // Stop().
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // Queues all items, of one client, or none. Throws Error, in which case no callback is called:
  // QueueFull where there is no room for all of them (dead items leave first) or the client would
  // have more than it leaves to others (Shares), kInvalidArgument where there never could be room,
  // kUnavailable after Drain.
  void Submit(std::vector<BatchItem> items);

  // Throws QueueFull where `traces` more of a client would be refused whatever their length: before
  // the work of reading them.
  void CheckRoom(uint64_t client, int64_t traces);
  // When a call that is refused now should come again.
  std::chrono::milliseconds retry_after() const;

  // Refuses new work from now on and waits until accepted work is done, at most until `give_up`;
  // false if work was left.
  bool Drain(SteadyTime give_up = SteadyTime::max());

  // Drain without waiting: what still waits, also between its chunks, fails with kUnavailable,
  // batches that began are finished, threads are joined.
  void Stop();

  int64_t queue_traces() const;
  int64_t queue_tokens() const;

 private:
  struct Waiting {
    BatchItem item;        // of item.tokens.step_reads, those that are not scored yet
    uint64_t problem = 0;  // the same for traces that begin with the same prompt
    bool whole = false;    // its prefix is not reused
    size_t home = 0;       // the worker that has its prefix
    uint64_t number = 0;   // in the order of arrival
    SteadyTime arrived{};
    SteadyTime since{};      // its last chunk ended, or its arrival
    int64_t begun = 0;       // tokens of its chunks so far
    TraceOutcome outcome{};  // of its chunks so far
    int64_t Length() const { return int64_t(item.tokens.ids.size()); }
  };
  // A trace in a batch.
  struct Turn {
    Waiting trace;
    int64_t end = 0;  // of its tokens
  };
  // What waits of a client.
  struct Load {
    int64_t traces = 0, tokens = 0;
  };
  // What is known of a worker. Where prefixes are not reused the first is the home of all traces.
  struct Home {
    int64_t traces = 0;        // of queue_
    int64_t fresh_tokens = 0;  // of queue_, of traces that have not begun
    ClientShares shares;
    double tokens_per_second = 0;  // a moving mean over its batches; 0: not known yet
  };
  struct ScoreAttempt;
  struct Leaving {
    std::vector<Turn> batch;
    std::vector<Waiting> expired, cancelled;
  };

  Waiting Arrive(BatchItem item, SteadyTime now) const;
  void CountLocked(const Waiting& trace, int sign);
  bool MayTakeLocked(size_t worker, size_t home) const;
  bool HasWorkLocked(size_t worker) const;
  std::optional<QueueFull> CheckFitsLocked(uint64_t client, const Load& more) const;
  std::optional<QueueFull> CheckShareLocked(uint64_t client, const Load& more) const;
  std::optional<QueueFull> MakeRoomLocked(uint64_t client, const Load& more, Leaving* dead);
  double RateLocked() const;
  std::vector<WaitingTrace> QueueViewLocked(std::optional<size_t> worker) const;
  int64_t CostLocked(size_t worker, size_t index, std::span<const BatchMember> taken) const;
  Leaving TakeLocked(size_t worker);
  Leaving RemoveDeadLocked();
  Leaving LeaveLocked(const BatchPlan& plan);
  void Work(size_t worker);
  void Dismiss(Leaving dead);
  void Refuse(std::vector<Waiting> items, ErrorCode code, const char* why);
  void Run(size_t worker, std::vector<Turn> batch, BatchReport* report);
  void RunAlone(StepScorer* scorer, std::span<const TraceTokens> tokens, std::vector<Turn> batch,
                BatchReport* report);
  void Conclude(Turn turn, TraceOutcome result, BatchReport* report);
  void MeasureRate(size_t worker, const BatchReport& report);
  void Requeue(Waiting trace);
  void Finished(size_t count);

  const BatcherOptions options_;
  const std::vector<std::unique_ptr<StepScorer>> scorers_;
  const bool reuses_prefixes_;
  const BatchLimits limits_;

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::deque<Waiting> queue_;  // in the order of arrival
  std::vector<Home> homes_;    // one a worker
  int64_t queue_tokens_ = 0;
  std::unordered_map<uint64_t, Load> loads_;  // of clients with something in queue_
  uint64_t next_number_ = 0;
  int64_t in_work_ = 0;  // traces that left the queue and whose callbacks have not returned
  bool draining_ = false;
  bool stopping_ = false;
  std::condition_variable work_;  // queue_ or stopping_ changed
  std::condition_variable idle_;  // queue_ and in_work_ became empty

  std::vector<std::thread> threads_;  // touched by the constructor and the first Stop only
  std::once_flag stop_once_;
};

}  // namespace prm
