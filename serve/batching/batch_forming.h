// Chooses the waiting traces of the next batch: a pure function of the queue, the time and the
// tokens that each client has been served.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace prm {

using SteadyTime = std::chrono::steady_clock::time_point;

// From the highest priority to the lowest.
enum class Priority : uint8_t {
  kAppend,  // a step of a growing trace; its generator waits for the score
  kUnary,   // a single call
  kBulk,    // many traces that are needed together, such as the candidates of a problem
};

// The limits of one batch.
struct BatchLimits {
  int64_t max_tokens = 4096;  // to compute; a trace that needs more gets a batch of its own
  int max_traces = 256;
  // Tokens to compute per trace. The rest of a longer trace continues in later batches, so that new
  // arrivals need not wait for all of it. 0: traces are never split.
  int64_t chunk_tokens = 512;
  // A client's priority rises by one each time it has waited this long for its turn, so that
  // nothing starves.
  std::chrono::milliseconds aging{5000};
};

// Traces are compared by the hashes of their prefixes of kPrefixTokens, 2 * kPrefixTokens, ...
// tokens.
inline constexpr int64_t kPrefixTokens = 16;
// A trace is compared with at most this many traces of the same problem in a batch.
inline constexpr int kSiblings = 16;

// What FormBatch reads of a waiting trace. All of it is known beforehand, so that a batch can be
// formed under a lock.
struct WaitingTrace {
  int64_t tokens = 0;  // length of the trace
  int64_t begun = 0;   // tokens in its chunks so far
  int64_t known = 0;   // length of the prefix that its worker's scorer had when last asked
  Priority priority = Priority::kUnary;
  uint64_t client = 0;
  SteadyTime since{};  // when it last began to wait
  SteadyTime deadline = SteadyTime::max();
  const std::atomic<bool>* cancelled = nullptr;  // null: never
  bool no_prefix = false;                        // its prefix is not reused: it is never split
  size_t worker = 0;                             // the worker whose scorer has its prefix
  uint64_t problem = 0;                          // equal for traces with the same prompt
  int64_t prompt_tokens = 0;                     // tokens before the first step
  // [tokens / kPrefixTokens]: element k is the hash of the first (k + 1) * kPrefixTokens tokens.
  std::span<const uint64_t> prefixes{};

  bool IsCancelled() const { return cancelled && cancelled->load(std::memory_order_relaxed); }
};

// The worker that takes a batch.
struct BatchWorker {
  size_t index = 0;
  // [workers]: whether this worker may take that worker's traces. Only traces that have not begun
  // are taken; this worker's scorer has no prefix of them. Missing elements count as false.
  std::vector<bool> takes_from;
};

// One trace of a batch: its first `end` tokens. `cost` of them must be computed.
struct BatchMember {
  size_t index = 0;
  int64_t end = 0;
  int64_t cost = 0;
  friend bool operator==(const BatchMember&, const BatchMember&) = default;
};

// The service that waiting clients have received; kept from one batch to the next. Clients with
// nothing waiting are forgotten, so it is no larger than the queue.
struct ClientShares {
  std::map<uint64_t, int64_t> tokens;                              // by client
  std::map<std::pair<uint64_t, Priority>, SteadyTime> last_turns;  // by client and priority
};

// Indices into the queue, ascending.
struct DeadTraces {
  std::vector<size_t> expired;  // deadline <= now
  std::vector<size_t> cancelled;
};

// Indices into the queue; traces in none of the lists continue to wait.
struct BatchPlan {
  std::vector<BatchMember> batch;  // in the order of taking
  DeadTraces dead;                 // of all workers
  ClientShares shares;
};

// Takes traces until the next one would exceed a limit; the first is always taken. Each turn
// considers the oldest trace of each client and priority, and takes:
//   1. the one with the highest priority after aging. Aging adds one priority per `aging` since the
//      trace began to wait or its client last had a turn at this priority. It is unbounded, so a
//      trace finally goes before everything that arrives later;
//   2. among equals, the one whose client was served the fewest tokens; a client that begins to
//      wait starts at the smallest count of the waiting clients;
//   3. among equals, the one that arrived first.
// The cost of a trace is its tokens less its longest reusable prefix: the one that its worker's
// scorer has, or the one it shares with an earlier trace of the batch. A trace that may be split
// and needs more than chunk_tokens takes part with a chunk that ends at least chunk_tokens after
// its last one, so it always advances. Every expired or cancelled trace leaves, wherever it waits.
// Source: Sheng et al. 2024, "Fairness in Serving Large Language Models", section 4: the virtual
// token counter and its lift.
BatchPlan FormBatch(std::span<const WaitingTrace> queue, SteadyTime now, const BatchLimits& limits,
                    const ClientShares& shares, const BatchWorker& worker = {});

// Length in tokens of the prefix that both share, as far as prompts and hashes tell.
int64_t SharedTokens(const WaitingTrace& a, const WaitingTrace& b);

// Returns the traces whose deadline passed or whose call was cancelled.
DeadTraces FindDead(std::span<const WaitingTrace> queue, SteadyTime now);

}  // namespace prm
