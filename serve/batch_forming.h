// Which waiting traces go into the next batch: a pure function of the queue and the time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace prm {

using SteadyTime = std::chrono::steady_clock::time_point;

// Of one batch.
struct BatchLimits {
  int64_t max_tokens = 4096;  // a trace that is longer alone is a batch of its own
  int max_traces = 256;
};

// What FormBatch needs to know of a waiting trace.
struct WaitingTrace {
  int64_t tokens = 0;
  SteadyTime deadline = SteadyTime::max();
  bool cancelled = false;
};

// Indices into the queue, each list rising; what is in none of them goes on waiting.
struct BatchPlan {
  std::vector<size_t> batch;
  std::vector<size_t> expired;
  std::vector<size_t> cancelled;
};

// Takes traces in order of arrival until the next one would pass a limit; the first live trace is
// always taken, so nothing starves. Every expired (deadline <= now) or cancelled trace leaves,
// wherever it waits.
BatchPlan FormBatch(std::span<const WaitingTrace> queue, SteadyTime now, const BatchLimits& limits);

}  // namespace prm
