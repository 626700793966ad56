// What waits for the scorers: the bounded queue, and what is known of clients and workers. No
// threads, no locks, no scorer; batch_forming says what is taken, this is where it is taken from.
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

// When a refused call should come again: after the time in which `tokens_per_second` works off what
// stands in its way, and at least an eighth of what waits, so that the many that are refused do not
// all come for the first free place; between 100 ms and 10 s. A rate of 0 is not known yet: 1 s.
std::chrono::milliseconds RetryAfter(int64_t excess_tokens, int64_t waiting_tokens,
                                     double tokens_per_second);

// A trace that waits, or that is in a batch.
struct QueuedTrace {
  BatchItem item;  // its tokens are in `tokens`
  // Shared with whoever asks a scorer about them while they wait.
  std::shared_ptr<const TraceTokens> tokens;
  std::vector<uint64_t> prefixes;  // WaitingTrace::prefixes
  // As it was when it came into the queue; in the queue, BatchQueue has the one that counts.
  WaitingTrace waiting;
  uint64_t number = 0;  // in the order of arrival
  SteadyTime arrived{};
  TraceScores scored;  // by its chunks so far
  WorkTimes times;     // of its chunks so far
};
using QueuedPtr = std::unique_ptr<QueuedTrace>;

// One trace of a batch: its tokens up to `end` are scored.
struct BatchEntry {
  QueuedPtr trace;
  int64_t end = 0;
};

// What left the queue.
struct LeavingTraces {
  std::vector<BatchEntry> batch;
  std::vector<QueuedPtr> expired, cancelled;
  bool empty() const { return batch.empty() && expired.empty() && cancelled.empty(); }
};

// `workers`: among so many the problems are divided; 1 where prefixes are not reused.
QueuedPtr MakeQueued(BatchItem item, SteadyTime now, size_t workers);

struct QueueLimits {
  int64_t traces = 0, tokens = 0;
  // BatcherOptions::steal_above_tokens.
  int64_t steal_above_tokens = 0;
  BatchLimits batch;
};

// One thread at a time. Nothing here calls back, asks a scorer or waits: what is done under the
// batcher's lock is in proportion to the queue at most.
class BatchQueue {
 public:
  // What waits of a client, or is to be added.
  struct Load {
    int64_t traces = 0, tokens = 0;
  };
  // A trace whose `known` is to be asked for anew.
  struct Asked {
    uint64_t number = 0;
    std::shared_ptr<const TraceTokens> tokens;
    int64_t known = 0;
  };

  // Without reuse of prefixes any worker takes any trace.
  BatchQueue(const QueueLimits& limits, size_t workers, bool reuses_prefixes);

  // nullopt: there is room for `more` of the client. Else the dead leave first, into `dead`; if
  // there is no room even then, why not.
  std::optional<QueueFull> MakeRoom(uint64_t client, const Load& more, SteadyTime now,
                                    LeavingTraces* dead);
  // At the end, in this order.
  void Add(std::vector<QueuedPtr> arriving);
  // The rest of a trace goes back to its place: before what came later.
  void PutBack(QueuedPtr rest);

  bool HasWork(size_t worker) const;
  // The worker's next batch; traces that it takes from others are its own from now on.
  LeavingTraces Take(size_t worker, SteadyTime now);
  LeavingTraces TakeDead(SteadyTime now);
  std::vector<QueuedPtr> TakeAll();

  // The first `count` traces that wait for the worker and whose prefixes are reused.
  std::vector<Asked> FirstOf(size_t worker, size_t count) const;
  // What was asked. Traces that left meanwhile are passed over.
  void SetKnown(const std::vector<Asked>& asked);

  // A batch of the worker went at this rate.
  void Measured(size_t worker, double tokens_per_second);
  // Tokens a second of all workers; 0: not known yet.
  double rate() const;

  int64_t traces() const { return int64_t(waiting_.size()); }
  int64_t tokens() const { return tokens_; }

 private:
  // What is known of a worker. Without reuse of prefixes all traces are the first one's.
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
  // One each for a trace, in the order of arrival: what FormBatch reads, side by side, and the
  // rest.
  std::vector<WaitingTrace> waiting_;
  std::vector<QueuedPtr> traces_;
  int64_t tokens_ = 0;  // that are not in a chunk yet
  std::vector<WorkerQueue> workers_;
  std::unordered_map<uint64_t, Load> loads_;  // of clients with something waiting
  uint64_t next_number_ = 0;
};

}  // namespace prm
