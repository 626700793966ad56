// Which waiting traces go into the next batch: a pure function of the queue, the time and what each
// client has had.
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

// The first goes before the second, the second before the third.
enum class Priority : uint8_t {
  kAppend,  // a step of a trace that a generator is writing, and waits for
  kUnary,   // a call of its own
  kBulk,    // many traces that are needed together, such as the candidates of a problem
};

// Of one batch.
struct BatchLimits {
  int64_t max_tokens = 4096;  // to compute; a member that needs more alone is a batch of its own
  int max_traces = 256;
  // To compute, of one trace: the rest of a longer one goes on in later batches, so that what comes
  // meanwhile need not wait for all of it. 0: traces stay whole.
  int64_t chunk_tokens = 512;
  // A client that has waited this long for its turn counts as one priority higher, and again after
  // as long: so nothing starves.
  std::chrono::milliseconds aging{5000};
};

// Traces are compared by the hashes of their prefixes of this many tokens, twice as many, and so
// on.
inline constexpr int64_t kPrefixTokens = 16;
// With how many traces of its problem in a batch a trace is compared.
inline constexpr int kSiblings = 16;

// What FormBatch needs to know of a waiting trace: numbers that were known before, so that a batch
// can be formed under a lock.
struct WaitingTrace {
  int64_t tokens = 0;  // its length
  int64_t begun = 0;   // of these, in its chunks so far
  int64_t known = 0;   // of these, its worker's scorer had at the front when it was last asked
  Priority priority = Priority::kUnary;
  uint64_t client = 0;
  SteadyTime since{};  // when it began to wait, or to wait again
  SteadyTime deadline = SteadyTime::max();
  const std::atomic<bool>* cancelled = nullptr;  // null: never
  bool no_prefix = false;                        // its prefix is not reused: it is never split
  size_t worker = 0;                             // whose scorer has its prefix
  uint64_t problem = 0;                          // equal for traces of the same prompt
  int64_t prompt_tokens = 0;                     // these come before the steps
  // [tokens / kPrefixTokens]: element k is the hash of the first (k + 1) * kPrefixTokens tokens.
  std::span<const uint64_t> prefixes{};

  bool IsCancelled() const { return cancelled && cancelled->load(std::memory_order_relaxed); }
};

// Who takes a batch.
struct BatchWorker {
  size_t index = 0;
  // By worker: whether this one may take the other's traces, those that have not begun, of which
  // its own scorer knows nothing. May be shorter: the others keep theirs.
  std::vector<bool> takes_from;
};

// One trace of a batch: its first `end` tokens, of which `cost` are to be computed.
struct BatchMember {
  size_t index = 0;
  int64_t end = 0;
  int64_t cost = 0;
  friend bool operator==(const BatchMember&, const BatchMember&) = default;
};

// What the clients that wait have had; kept from one batch to the next. Clients with nothing
// waiting are forgotten, so it is no larger than the queue.
struct ClientShares {
  std::map<uint64_t, int64_t> tokens;                              // counted by client
  std::map<std::pair<uint64_t, Priority>, SteadyTime> last_turns;  // of its traces of a priority
};

// Indices into the queue, rising.
struct DeadTraces {
  std::vector<size_t> expired;  // deadline <= now
  std::vector<size_t> cancelled;
};

// Indices into the queue; what is in none of them continues to wait.
struct BatchPlan {
  std::vector<BatchMember> batch;  // in the order of taking
  DeadTraces dead;                 // whoever's they are
  ClientShares shares;
};

// Takes traces until the next one would pass a limit; the first is always taken. Each time, of the
// traces that are at the head of their client's traces of their priority, in order of arrival:
//   1. the one of the highest priority, after aging: a priority higher for each `aging` since it
//      began to wait or its client last had a turn at this priority, without end, so that at
//      last it goes before all that comes later;
//   2. of these, the one whose client had the fewest tokens; a client that begins to wait counts as
//      having had as many as the one that had fewest;
//   3. of these, the one that came first.
// What a trace costs is its tokens less those that its worker's scorer has, or that it shares with
// one before it in the batch, whichever is more. A trace that needs more than chunk_tokens, and may
// be split, takes part with as many, at least chunk_tokens beyond its last chunk, whatever is known
// of it: it always advances. Every expired or cancelled trace leaves, wherever it waits.
// Source: Sheng et al. 2024, "Fairness in Serving Large Language Models", section 4: the virtual
// token counter and its lift.
BatchPlan FormBatch(std::span<const WaitingTrace> queue, SteadyTime now, const BatchLimits& limits,
                    const ClientShares& shares, const BatchWorker& worker = {});

// How many tokens both begin with, as far as prompts and hashes tell.
int64_t SharedTokens(const WaitingTrace& a, const WaitingTrace& b);

// The traces that wait for nothing any more.
DeadTraces FindDead(std::span<const WaitingTrace> queue, SteadyTime now);

}  // namespace prm
