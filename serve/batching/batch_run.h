// One batch before its scorer: what it gives each trace, and that one bad trace fails alone.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "data/result.h"
#include "data/scores.h"
#include "model/step_scorer.h"
#include "serve/batching/batch_queue.h"

namespace prm {

inline constexpr const char* kExpiredWaiting = "the deadline passed before the trace's turn came";
inline constexpr const char* kCancelledWaiting =
    "the call was cancelled before the trace's turn came";

int64_t MicrosecondsBetween(SteadyTime from, SteadyTime to);

// What a worker did last, for metrics and logs.
struct BatchReport {
  int traces = 0;               // that took part, whole or with a chunk
  int chunks = 0;               // of these, traces split and continued in a later batch
  int64_t tokens = 0;           // by which the traces advanced, computed or reused
  int64_t tokens_computed = 0;  // the other tokens of the traces were reused
  int64_t compute_us = 0;
  int expired = 0;           // left the queue without work
  int cancelled = 0;         // left the queue without work
  int64_t queue_traces = 0;  // still waiting
  int64_t queue_tokens = 0;
};

// On the thread that owns the scorer, under no lock.
class BatchRun {
 public:
  // Scores the batch; if one of its traces may be the reason of an error, each by itself.
  BatchRun(StepScorer* scorer, std::vector<BatchEntry> batch,
           const std::function<SteadyTime()>& now);

  int64_t compute_us() const { return compute_us_; }
  // By which the traces advance; nullopt where that says nothing of the scorer's rate.
  std::optional<double> tokens_per_second() const;

  // Once: calls the callbacks of the traces that are done, and returns the rests of the others,
  // which wait again. Adds to tokens, tokens_computed, compute_us and chunks.
  std::vector<QueuedPtr> Conclude(BatchReport* report);

 private:
  struct Attempt;
  // What this batch gave a trace.
  struct Given {
    Result<TraceScores> scores;
    int64_t compute_us = 0;
  };

  void ScoreAlone(StepScorer* scorer, std::span<const TraceTokens> tokens,
                  const std::function<SteadyTime()>& now);

  std::vector<BatchEntry> batch_;
  std::vector<Given> results_;  // of this batch, one each
  int64_t tokens_ = 0;
  int64_t compute_us_ = 0;
  bool alone_ = false;  // each was scored by itself
};

}  // namespace prm
