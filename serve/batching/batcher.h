// The worker threads that run the scorers, and the lock around their queue.
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
  // An idle worker takes traces of another worker that has more than this many tokens waiting. With
  // fewer, waiting for the worker that has the prefixes costs less than computing them again.
  // 0: always.
  int64_t steal_above_tokens = 8192;
  // The clock; tests replace it.
  std::function<SteadyTime()> now = [] { return std::chrono::steady_clock::now(); };
  // Called after every batch on the worker's thread, under no lock; may be empty.
  std::function<void(const BatchReport&)> on_batch;
};

// Batches traces across requests by the tokens to compute. There is no timer: a free worker takes
// what waits, so an idle server answers at once and a busy one fills its batches. Each worker
// thread owns one StepScorer. If the scorers reuse prefixes, long traces are split into chunks, and
// all traces of a problem go to the worker that has its prefixes (exception:
// BatcherOptions::steal_above_tokens). If not, any worker takes any trace, unsplit.
// All public methods may be called from any thread; from a callback only Submit.
class Batcher {
 public:
  // Throws Error(kInvalidArgument) if there are no scorers, std::system_error if a thread cannot be
  // started.
  Batcher(const BatcherOptions& options, std::vector<std::unique_ptr<StepScorer>> scorers);
  // Calls Stop.
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // Queues all items (of one client) or none. Throws Error, and calls no callback: QueueFull if
  // there is no room for all of them (dead items leave first) or the client would hold more than it
  // leaves free (Shares), kInvalidArgument if they exceed the whole queue, kUnavailable after Stop.
  void Submit(std::vector<BatchItem> items);

  // Throws QueueFull if `traces` more of the client would be refused whatever their length. Call it
  // before the work of reading them.
  void CheckRoom(uint64_t client, int64_t traces);
  // When a call that is refused now should be retried.
  std::chrono::milliseconds retry_after() const;

  // Refuses new work from now on. Waiting traces, also those between chunks, fail with
  // kUnavailable. Running batches are finished, then threads are joined.
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

  // Held only for queue operations and for forming a batch; no scorer and no callback is called
  // under it.
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  BatchQueue queue_;
  bool stopping_ = false;
  std::condition_variable work_;  // queue_ or stopping_ changed

  std::vector<std::thread> threads_;  // used by the constructor and the first Stop only
  std::once_flag stop_once_;
};

}  // namespace prm
