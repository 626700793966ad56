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
#include <thread>
#include <vector>

#include "data/error.h"
#include "model/step_scorer.h"
#include "serve/batch_forming.h"

namespace prm {

// What became of one trace; given to its callback exactly once.
struct TraceOutcome {
  TraceScore scored;  // empty where `error` is set
  std::optional<Error> error;
  int64_t queue_us = 0;    // from Submit until work began or the trace left the queue
  int64_t compute_us = 0;  // of the batch that the trace was in; 0: no work began
};

// One trace to score.
struct BatchItem {
  TraceTokens tokens;
  SteadyTime deadline = SteadyTime::max();
  // Set by the caller at any time, from any thread; null: never cancelled.
  std::shared_ptr<const std::atomic<bool>> cancelled;
  // Called once on a worker's thread, or within Submit or Stop where the item leaves the queue
  // there; never under a lock. Must not throw.
  std::function<void(TraceOutcome)> done;
};

// What a worker did last, for metrics and logs.
struct BatchReport {
  int traces = 0;
  int64_t tokens = 0;
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
  // Passed in so that tests own the time.
  std::function<SteadyTime()> now = [] { return std::chrono::steady_clock::now(); };
  // Called after every batch on the worker's thread, under no lock; may be empty.
  std::function<void(const BatchReport&)> on_batch;
};

// Batches traces across requests by token budget. There is no timer: a free worker takes what
// waits, so an idle server answers at once and a busy one fills its batches. Each worker thread
// owns one StepScorer. All public methods may be called from any thread, but not from a callback
// (Submit excepted).
class Batcher {
 public:
  Batcher(const BatcherOptions& options, std::vector<std::unique_ptr<StepScorer>> scorers);
  // Stop().
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // Queues all items or none. Throws Error, in which case no callback is called:
  // kResourceExhausted where the queue has no room for all of them (dead items leave first),
  // kInvalidArgument where it never could have, kUnavailable after Drain.
  void Submit(std::vector<BatchItem> items);

  // Refuses new work from now on and waits until accepted work is done, at most until `give_up`;
  // false if work was left.
  bool Drain(SteadyTime give_up = SteadyTime::max());

  // Drain without waiting: what still waits fails with kUnavailable, batches that began are
  // finished, threads are joined.
  void Stop();

  int64_t queue_traces() const;
  int64_t queue_tokens() const;

 private:
  struct Waiting {
    BatchItem item;
    SteadyTime since;
  };
  struct Leaving {
    std::vector<Waiting> batch, expired, cancelled;
  };

  void Work(StepScorer* scorer);
  std::vector<WaitingTrace> QueueViewLocked() const;
  Leaving LeaveLocked(const BatchPlan& plan);
  Leaving RemoveDeadLocked();
  void Dismiss(Leaving dead);
  void Refuse(std::vector<Waiting> items, ErrorCode code, const char* why);
  void Run(StepScorer* scorer, std::vector<Waiting> batch, BatchReport* report);
  void RunAlone(StepScorer* scorer, std::span<const TraceTokens> tokens,
                std::vector<Waiting>& batch, SteadyTime queued_until);
  void Finished(size_t count);

  const BatcherOptions options_;
  std::vector<std::unique_ptr<StepScorer>> scorers_;

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::deque<Waiting> queue_;
  int64_t queue_tokens_ = 0;
  int64_t in_work_ = 0;  // traces that left the queue and whose callbacks have not returned
  bool draining_ = false;
  bool stopping_ = false;
  std::condition_variable work_;  // queue_ or stopping_ changed
  std::condition_variable idle_;  // queue_ and in_work_ became empty

  std::vector<std::thread> threads_;  // touched by the constructor and the first Stop only
  std::once_flag stop_once_;
};

}  // namespace prm
