// The threads in front of the scorers, and the lock around the queue that they empty.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "model/step_scorer.h"
#include "serve/batching/batch_queue.h"
#include "serve/batching/batch_run.h"

namespace prm {

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
  // kUnavailable after Stop.
  void Submit(std::vector<BatchItem> items);

  // Throws QueueFull where `traces` more of a client would be refused whatever their length: before
  // the work of reading them.
  void CheckRoom(uint64_t client, int64_t traces);
  // When a call that is refused now should come again.
  std::chrono::milliseconds retry_after() const;

  // Refuses new work from now on. What still waits, also between its chunks, fails with
  // kUnavailable, batches that began are finished, threads are joined.
  void Stop();

  int64_t queue_traces() const;
  int64_t queue_tokens() const;

 private:
  int64_t Known(size_t worker, const TraceTokens& tokens) const;
  void Work(size_t worker);
  void Run(size_t worker, std::vector<BatchEntry> batch, BatchReport* report);
  void AskAnew(size_t worker, std::vector<QueuedPtr> rests, size_t count);
  void Dismiss(LeavingTraces dead);
  void Refuse(std::vector<QueuedPtr> traces, ErrorCode code, const char* why);

  const BatcherOptions options_;
  const std::vector<std::unique_ptr<StepScorer>> scorers_;
  const bool reuses_prefixes_;

  // Held for moves in the queue and the choice of a batch by numbers that are there; no scorer is
  // asked, and nobody called, under it.
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  BatchQueue queue_;
  bool stopping_ = false;
  std::condition_variable work_;  // queue_ or stopping_ changed

  std::vector<std::thread> threads_;  // touched by the constructor and the first Stop only
  std::once_flag stop_once_;
};

}  // namespace prm
