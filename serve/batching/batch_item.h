// The batcher's input, and its result.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "data/result.h"
#include "data/scores.h"
#include "model/step_scorer.h"
#include "serve/batching/batch_forming.h"

namespace prm {

// Where the time of one trace went.
struct WorkTimes {
  int64_t queue_us = 0;    // from Submit until work began or the trace left the queue
  int64_t compute_us = 0;  // sum over the batches of the trace; 0: no work began
};

// One trace to score.
struct BatchItem {
  TraceTokens tokens;
  int first_step = 0;  // the step that tokens.step_reads[0] scores, for messages
  SteadyTime deadline = SteadyTime::max();
  Priority priority = Priority::kUnary;
  uint64_t client = 0;  // clients share the queue and the scorers fairly
  // Set by the caller at any time, from any thread; null: never cancelled.
  std::shared_ptr<const std::atomic<bool>> cancelled;
  // Called once: on a worker's thread, or within Submit or Stop if the item leaves the queue there.
  // Never under a lock. Must not throw.
  std::function<void(Result<TraceScores>, const WorkTimes&)> done;
};

}  // namespace prm
