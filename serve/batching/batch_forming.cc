#include "serve/batching/batch_forming.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <tuple>

namespace prm {
namespace {

// A client's live traces of one priority, in order of arrival.
struct Flow {
  std::vector<size_t> traces;
  size_t next = 0;
};
using FlowKey = std::pair<uint64_t, Priority>;
using Flows = std::map<FlowKey, Flow>;

enum class Fate { kLives, kExpired, kCancelled };

Fate FateOf(const WaitingTrace& trace, SteadyTime now) {
  if (trace.IsCancelled()) return Fate::kCancelled;
  return trace.deadline <= now ? Fate::kExpired : Fate::kLives;
}

// Returns false if the trace is alive.
bool NoteDead(const WaitingTrace& trace, size_t index, SteadyTime now, DeadTraces* dead) {
  const Fate fate = FateOf(trace, now);
  if (fate == Fate::kLives) return false;
  (fate == Fate::kExpired ? dead->expired : dead->cancelled).push_back(index);
  return true;
}

bool MayTake(const BatchWorker& worker, const WaitingTrace& trace) {
  if (trace.worker == worker.index) return true;
  return trace.begun == 0 && trace.worker < worker.takes_from.size() &&
         worker.takes_from[trace.worker];
}

// Returns the traces that may be taken; adds the dead ones to the plan.
Flows SortOut(std::span<const WaitingTrace> queue, SteadyTime now, const BatchWorker& worker,
              BatchPlan* plan) {
  Flows flows;
  // Neighbours in the queue mostly have the same client, so the last flow is tried first.
  auto last = flows.end();
  for (size_t i = 0; i < queue.size(); ++i) {
    if (NoteDead(queue[i], i, now, &plan->dead) || !MayTake(worker, queue[i])) continue;
    const FlowKey key{queue[i].client, queue[i].priority};
    if (last == flows.end() || last->first != key) last = flows.try_emplace(key).first;
    last->second.traces.push_back(i);
  }
  return flows;
}

// Keeps only waiting clients; a new one starts at the smallest count of the others.
ClientShares SharesOf(const Flows& flows, const ClientShares& before) {
  ClientShares shares;
  int64_t least = std::numeric_limits<int64_t>::max();
  for (const auto& [key, flow] : flows) {
    const auto turn = before.last_turns.find(key);
    if (turn != before.last_turns.end()) shares.last_turns.insert(*turn);
    const auto known = before.tokens.find(key.first);
    if (known == before.tokens.end()) continue;
    shares.tokens.insert(*known);
    least = std::min(least, known->second);
  }
  if (shares.tokens.empty()) least = 0;
  for (const auto& [key, flow] : flows) shares.tokens.emplace(key.first, least);
  return shares;
}

// Flows are served in ascending order of rank.
struct Rank {
  int64_t level = 0;   // priority after aging
  int64_t tokens = 0;  // served to the client
  size_t trace = 0;
  friend bool operator>(const Rank& a, const Rank& b) {
    return std::tie(a.level, a.tokens, a.trace) > std::tie(b.level, b.tokens, b.trace);
  }
};

class PartialBatch {
 public:
  PartialBatch(std::span<const WaitingTrace> queue, SteadyTime now, const BatchLimits& limits,
               size_t worker, BatchPlan* plan)
      : queue_(queue), now_(now), limits_(limits), worker_(worker), plan_(*plan) {}

  void Take(Flows flows) {
    using Entry = std::pair<Rank, Flows::iterator>;
    const auto later = [](const Entry& a, const Entry& b) { return a.first > b.first; };
    std::priority_queue<Entry, std::vector<Entry>, decltype(later)> heads(later);
    const auto push = [&](Flows::iterator flow) { heads.push({RankOf(*flow), flow}); };
    for (auto flow = flows.begin(); flow != flows.end(); ++flow) push(flow);
    while (!heads.empty() && plan_.batch.size() < size_t(limits_.max_traces)) {
      const auto [rank, flow] = heads.top();
      heads.pop();
      // Ranks only grow while a batch is formed, so a stale one is put back where it belongs.
      if (RankOf(*flow) > rank) {
        push(flow);
        continue;
      }
      if (!TryTake(rank.trace)) return;
      if (++flow->second.next < flow->second.traces.size()) push(flow);
    }
  }

 private:
  Rank RankOf(const Flows::value_type& flow) const {
    const size_t head = flow.second.traces[flow.second.next];
    SteadyTime since = queue_[head].since;
    const auto turn = plan_.shares.last_turns.find(flow.first);
    if (turn != plan_.shares.last_turns.end()) since = std::max(since, turn->second);
    const int64_t aged =
        limits_.aging.count() > 0 && since < now_ ? (now_ - since) / limits_.aging : 0;
    return {int64_t(flow.first.second) - aged, plan_.shares.tokens.at(flow.first.first), head};
  }

  // The tokens of a trace that need not be computed in this batch.
  int64_t KnownOf(const WaitingTrace& trace) const {
    if (trace.no_prefix) return 0;
    int64_t known = trace.worker == worker_ ? trace.known : 0;
    int siblings = 0;
    for (auto member = plan_.batch.rbegin(); member != plan_.batch.rend() && siblings < kSiblings;
         ++member) {
      const WaitingTrace& other = queue_[member->index];
      if (other.problem != trace.problem || other.no_prefix) continue;
      ++siblings;
      known = std::max(known, std::min(member->end, SharedTokens(trace, other)));
    }
    return std::clamp<int64_t>(known, 0, trace.tokens);
  }

  // Returns false, and takes nothing, if the batch is full.
  bool TryTake(size_t index) {
    const WaitingTrace& trace = queue_[index];
    const int64_t known = KnownOf(trace);
    BatchMember member{index, trace.tokens, trace.tokens - known};
    if (limits_.chunk_tokens > 0 && !trace.no_prefix) {
      member.end = std::min(member.end, std::max(known, trace.begun) + limits_.chunk_tokens);
      member.cost = std::max<int64_t>(0, member.end - known);
    }
    if (!plan_.batch.empty() && tokens_ + member.cost > limits_.max_tokens) return false;
    tokens_ += member.cost;
    plan_.batch.push_back(member);
    plan_.shares.tokens.at(trace.client) += member.cost;
    plan_.shares.last_turns[{trace.client, trace.priority}] = now_;
    return true;
  }

  const std::span<const WaitingTrace> queue_;
  const SteadyTime now_;
  const BatchLimits& limits_;
  const size_t worker_;
  BatchPlan& plan_;
  int64_t tokens_ = 0;
};

}  // namespace

BatchPlan FormBatch(std::span<const WaitingTrace> queue, SteadyTime now, const BatchLimits& limits,
                    const ClientShares& shares, const BatchWorker& worker) {
  BatchPlan plan;
  Flows flows = SortOut(queue, now, worker, &plan);
  plan.shares = SharesOf(flows, shares);
  PartialBatch(queue, now, limits, worker.index, &plan).Take(std::move(flows));
  return plan;
}

int64_t SharedTokens(const WaitingTrace& a, const WaitingTrace& b) {
  if (a.problem != b.problem) return 0;
  // Binary search: if prefixes of one length are equal, all shorter ones are.
  size_t equal = 0, unequal = std::min(a.prefixes.size(), b.prefixes.size()) + 1;
  while (equal + 1 < unequal) {
    const size_t middle = (equal + unequal) / 2;
    (a.prefixes[middle - 1] == b.prefixes[middle - 1] ? equal : unequal) = middle;
  }
  return std::max(std::min(a.prompt_tokens, b.prompt_tokens), int64_t(equal) * kPrefixTokens);
}

DeadTraces FindDead(std::span<const WaitingTrace> queue, SteadyTime now) {
  DeadTraces dead;
  for (size_t i = 0; i < queue.size(); ++i) NoteDead(queue[i], i, now, &dead);
  return dead;
}

}  // namespace prm
