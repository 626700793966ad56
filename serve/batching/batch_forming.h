// Which waiting traces go into the next batch: a pure function of the queue, the time and what each
// client has had.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
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

// What FormBatch needs to know of a waiting trace.
struct WaitingTrace {
  int64_t tokens = 0;  // its length
  int64_t begun = 0;   // of these, in its chunks so far
  Priority priority = Priority::kUnary;
  uint64_t client = 0;
  SteadyTime since{};  // when it began to wait, or to wait again
  SteadyTime deadline = SteadyTime::max();
  bool cancelled = false;
  bool whole = false;      // it is never split
  bool elsewhere = false;  // it waits for another worker; it leaves here only when dead
};

// One trace of a batch: its first `end` tokens, of which `cost` are to be computed.
struct BatchMember {
  size_t index = 0;
  int64_t end = 0;
  int64_t cost = 0;
  friend bool operator==(const BatchMember&, const BatchMember&) = default;
};

// How many tokens of the whole trace `index` would have to be computed in a batch with `taken`.
// Asked as the batch is formed, once a trace, and not for what is not considered.
using CostFunction = std::function<int64_t(size_t index, std::span<const BatchMember> taken)>;

// What the clients that wait have had; kept from one batch to the next. Clients with nothing
// waiting are forgotten, so it is no larger than the queue.
struct ClientShares {
  std::map<uint64_t, int64_t> tokens;                              // counted by client
  std::map<std::pair<uint64_t, Priority>, SteadyTime> last_turns;  // of its traces of a priority
};

// Indices into the queue; what is in none of them goes on waiting.
struct BatchPlan {
  std::vector<BatchMember> batch;  // in the order of taking
  std::vector<size_t> expired;     // rising
  std::vector<size_t> cancelled;   // rising
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
// A trace that needs more than chunk_tokens, and may be split, takes part with as many, at least
// chunk_tokens beyond its last chunk, whatever the cost function says: it always gets on. Every
// expired (deadline <= now) or cancelled trace leaves, wherever it waits. Source: Sheng et al.
// 2024, "Fairness in Serving Large Language Models", section 4: the virtual token counter and its
// lift.
BatchPlan FormBatch(std::span<const WaitingTrace> queue, SteadyTime now, const BatchLimits& limits,
                    const ClientShares& shares, const CostFunction& cost);

}  // namespace prm
