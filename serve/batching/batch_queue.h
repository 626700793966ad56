// The bounded queue in front of the scorers, with the state of clients and workers. No threads, no
// locks, no scorer. batch_forming.h chooses the traces that are taken from it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/error.h"
#include "model/step_scorer.h"
#include "serve/batching/batch_forming.h"
#include "serve/batching/batch_item.h"

namespace prm {

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

// When a refused call should be retried: after the time that `tokens_per_second` needs for
// `excess_tokens`, and at least for an eighth of `waiting_tokens`, so that refused calls do not all
// return for the first free place. Between 100 ms and 10 s; 1 s if the rate is 0 (not known yet).
std::chrono::milliseconds RetryAfter(int64_t excess_tokens, int64_t waiting_tokens,
                                     double tokens_per_second);

// A trace in the queue or in a batch.
struct QueuedTrace {
  BatchItem item;  // its tokens are in `tokens`
  // Shared with the thread that asks a scorer about a waiting trace.
  std::shared_ptr<const TraceTokens> tokens;
  std::vector<uint64_t> prefixes;  // storage of WaitingTrace::prefixes
  // As of arrival; while the trace waits, BatchQueue::waiting_ has the current one.
  WaitingTrace waiting;
  uint64_t number = 0;  // in the order of arrival
  SteadyTime arrived{};
  TraceScores scored;  // of its chunks so far
  WorkTimes times;     // of its chunks so far
};
using QueuedPtr = std::unique_ptr<QueuedTrace>;

// One trace of a batch: its tokens up to `end` are scored.
struct BatchEntry {
  QueuedPtr trace;
  int64_t end = 0;
};

// Traces that left the queue.
struct LeavingTraces {
  std::vector<BatchEntry> batch;
  std::vector<QueuedPtr> expired, cancelled;
  bool empty() const { return batch.empty() && expired.empty() && cancelled.empty(); }
};

// `workers`: the number of workers that share the problems; 1 if prefixes are not reused.
QueuedPtr MakeQueued(BatchItem item, SteadyTime now, size_t workers);

struct QueueLimits {
  int64_t traces = 0, tokens = 0;
  // BatcherOptions::steal_above_tokens.
  int64_t steal_above_tokens = 0;
  BatchLimits batch;
};

// One thread at a time. Nothing here calls back, asks a scorer or waits. The batcher calls it under
// its lock, so the time there is at most linear in the queue.
class BatchQueue {
 public:
  // What a client has waiting, or wants to add.
  struct Load {
    int64_t traces = 0, tokens = 0;
  };
  // A trace whose `known` must be asked again.
  struct Asked {
    uint64_t number = 0;
    std::shared_ptr<const TraceTokens> tokens;
    int64_t known = 0;
  };

  // If prefixes are not reused, any worker takes any trace.
  BatchQueue(const QueueLimits& limits, size_t workers, bool reuses_prefixes);

  // Returns nullopt if the client may add `more`. If there is no room, dead traces are moved to
  // `dead` first; returns the reason if that is not enough.
  std::optional<QueueFull> MakeRoom(uint64_t client, const Load& more, SteadyTime now,
                                    LeavingTraces* dead);
  // Appends in this order.
  void Add(std::vector<QueuedPtr> arriving);
  // Returns the rest of a trace to its place by arrival.
  void PutBack(QueuedPtr rest);

  bool HasWork(size_t worker) const;
  // Removes the worker's next batch. Traces taken from other workers now belong to this one.
  LeavingTraces Take(size_t worker, SteadyTime now);
  LeavingTraces TakeDead(SteadyTime now);
  std::vector<QueuedPtr> TakeAll();

  // The worker's first `count` waiting traces whose prefixes are reused.
  std::vector<Asked> FirstOf(size_t worker, size_t count) const;
  // Stores the answers. Traces that left meanwhile are skipped.
  void SetKnown(const std::vector<Asked>& asked);

  // Adds the rate of one batch to the worker's mean.
  void Measured(size_t worker, double tokens_per_second);
  // Tokens per second of all workers together; 0: not known yet.
  double rate() const;

  int64_t traces() const { return int64_t(waiting_.size()); }
  int64_t tokens() const { return tokens_; }

 private:
  // The state of a worker. If prefixes are not reused, all traces belong to worker 0.
  struct WorkerQueue {
    int64_t traces = 0;
    int64_t fresh_tokens = 0;  // of traces that have not begun
    ClientShares shares;
    double tokens_per_second = 0;  // a moving mean over its batches; 0: not known yet
  };

  void Count(const WaitingTrace& trace, int sign);
  void NoteComputed(size_t worker, const std::vector<BatchMember>& batch);
  bool MayTake(size_t worker, size_t from) const;
  std::optional<QueueFull> CheckFits(uint64_t client, const Load& more) const;
  std::optional<QueueFull> CheckShare(uint64_t client, const Load& more) const;
  LeavingTraces Leave(const std::vector<BatchMember>& batch, const DeadTraces& dead);

  const QueueLimits limits_;
  const bool reuses_prefixes_;
  // [traces], in the order of arrival: what FormBatch reads is contiguous; the rest is in traces_.
  std::vector<WaitingTrace> waiting_;
  std::vector<QueuedPtr> traces_;
  int64_t tokens_ = 0;  // not in a chunk yet
  std::vector<WorkerQueue> workers_;
  std::unordered_map<uint64_t, Load> loads_;  // of clients with something waiting
  uint64_t next_number_ = 0;
};

}  // namespace prm
