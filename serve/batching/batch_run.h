// Runs one batch on its scorer and hands out the results. One bad trace does not fail the others.
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

// A worker's last batch, for metrics and logs.
struct BatchReport {
  int traces = 0;               // in the batch, whole or with a chunk
  int chunks = 0;               // of these, traces split and continued in a later batch
  int64_t tokens = 0;           // by which the traces advanced, computed or reused
  int64_t tokens_computed = 0;  // of these, computed; the others were reused
  int64_t compute_us = 0;
  int expired = 0;           // left the queue without work
  int cancelled = 0;         // left the queue without work
  int64_t queue_traces = 0;  // still waiting
  int64_t queue_tokens = 0;
};

// Used on the thread that owns the scorer, under no lock.
class BatchRun {
 public:
  // Scores the batch. If it fails with an error that one trace may cause, scores each trace alone.
  BatchRun(StepScorer* scorer, std::vector<BatchEntry> batch,
           const std::function<SteadyTime()>& now);

  int64_t compute_us() const { return compute_us_; }
  // Tokens advanced per second; nullopt if that is not the scorer's normal rate.
  std::optional<double> tokens_per_second() const;

  // Call once. Calls the callbacks of finished traces and returns the rests of the others, which
  // must be queued again. Adds to tokens, tokens_computed, compute_us and chunks.
  std::vector<QueuedPtr> Conclude(BatchReport* report);

 private:
  struct Attempt;
  // The result of a trace in this batch.
  struct Given {
    Result<TraceScores> scores;
    int64_t compute_us = 0;
  };

  void ScoreAlone(StepScorer* scorer, std::span<const TraceTokens> tokens,
                  const std::function<SteadyTime()>& now);

  std::vector<BatchEntry> batch_;
  std::vector<Given> results_;  // [batch_]
  int64_t tokens_ = 0;
  int64_t compute_us_ = 0;
  bool alone_ = false;  // each trace was scored by itself
};

}  // namespace prm
