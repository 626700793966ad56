#include "serve/batching/batch_queue.h"

#include <algorithm>
#include <span>
#include <utility>

#include "data/text/hash.h"
#include "serve/batching/shares.h"

namespace prm {
namespace {

// Weight of the last batch in a worker's mean rate.
constexpr double kRateWeight = 0.2;

// Hash of the ids before the first step: equal for all traces of a problem.
uint64_t HashPrompt(std::span<const TokenId> prompt) {
  Fnv1a hash;
  for (const TokenId id : prompt) hash.Mix(uint64_t(id));
  return hash.value() ^ (hash.value() >> 32);  // the low bits choose the worker
}

std::vector<uint64_t> HashPrefixes(std::span<const TokenId> ids) {
  std::vector<uint64_t> hashes;
  hashes.reserve(ids.size() / kPrefixTokens);
  Fnv1a hash;
  for (size_t i = 0; i < ids.size(); ++i) {
    hash.Mix(uint64_t(ids[i]));
    if ((i + 1) % kPrefixTokens == 0) hashes.push_back(hash.value());
  }
  return hashes;
}

}  // namespace

std::chrono::milliseconds RetryAfter(int64_t excess_tokens, int64_t waiting_tokens,
                                     double tokens_per_second) {
  constexpr double kUnknown = 1000, kLeast = 100, kMost = 10'000;
  if (tokens_per_second <= 0) return std::chrono::milliseconds(int64_t(kUnknown));
  const double tokens = double(std::max(excess_tokens, waiting_tokens / 8));
  return std::chrono::milliseconds(
      int64_t(std::clamp(1000 * tokens / tokens_per_second, kLeast, kMost)));
}

QueuedPtr MakeQueued(BatchItem item, SteadyTime now, size_t workers) {
  auto trace = std::make_unique<QueuedTrace>();
  trace->item = std::move(item);
  trace->tokens = std::make_shared<const TraceTokens>(std::move(trace->item.tokens));
  trace->item.tokens = {};
  const std::vector<TokenId>& ids = trace->tokens->ids;
  const size_t prompt = std::min(ids.size(), size_t(std::max(trace->tokens->steps_begin, 1)));
  trace->prefixes = HashPrefixes(ids);
  trace->arrived = now;
  WaitingTrace& waiting = trace->waiting;
  waiting.tokens = int64_t(ids.size());
  waiting.priority = trace->item.priority;
  waiting.client = trace->item.client;
  waiting.since = now;
  waiting.deadline = trace->item.deadline;
  waiting.cancelled = trace->item.cancelled.get();
  waiting.problem = HashPrompt(std::span(ids).first(prompt));
  waiting.prompt_tokens = int64_t(prompt);
  waiting.prefixes = trace->prefixes;
  waiting.worker = waiting.problem % workers;
  return trace;
}

BatchQueue::BatchQueue(const QueueLimits& limits, size_t workers, bool reuses_prefixes)
    : limits_(limits), reuses_prefixes_(reuses_prefixes), workers_(workers) {
  // Avoids reallocation of a full queue under the lock.
  constexpr int64_t kMostReserved = 1 << 16;
  const auto places = size_t(std::clamp<int64_t>(limits.traces, 0, kMostReserved));
  waiting_.reserve(places);
  traces_.reserve(places);
}

// --- in -----------------------------------------------------------------------------------------

void BatchQueue::Count(const WaitingTrace& trace, int sign) {
  const int64_t tokens = trace.tokens - trace.begun;
  tokens_ += sign * tokens;
  Load& load = loads_[trace.client];
  load.tokens += sign * tokens;
  load.traces += sign;
  if (load.traces == 0) loads_.erase(trace.client);
  WorkerQueue& worker = workers_[trace.worker];
  worker.traces += sign;
  if (trace.begun == 0) worker.fresh_tokens += sign * trace.tokens;
}

std::optional<QueueFull> BatchQueue::CheckFits(uint64_t client, const Load& more) const {
  const int64_t traces_over = traces() + more.traces - limits_.traces;
  const int64_t tokens_over = tokens_ + more.tokens - limits_.tokens;
  if (traces_over <= 0 && tokens_over <= 0) return CheckShare(client, more);
  const int64_t excess =
      std::max(tokens_over, waiting_.empty() ? 0 : traces_over * (tokens_ / traces()));
  return QueueFull(StrCat("the queue is full: ", traces(), " traces of ", tokens_,
                          " tokens wait; no room for ", more.traces, " more of ", more.tokens),
                   RetryAfter(excess, tokens_, rate()));
}

std::optional<QueueFull> BatchQueue::CheckShare(uint64_t client, const Load& more) const {
  const auto load = loads_.find(client);
  if (load == loads_.end()) return std::nullopt;
  const Load& held = load->second;
  if (Shares::Allows(held.traces, more.traces, limits_.traces - traces()) &&
      Shares::Allows(held.tokens, more.tokens, limits_.tokens - tokens_)) {
    return std::nullopt;
  }
  return QueueFull(
      StrCat("this client has used its share of the queue: ", held.traces, " traces of ",
             held.tokens, " tokens, and as much must stay free for others; no room for ",
             more.traces, " more of ", more.tokens),
      RetryAfter(more.tokens, held.tokens, rate()));
}

std::optional<QueueFull> BatchQueue::MakeRoom(uint64_t client, const Load& more, SteadyTime now,
                                              LeavingTraces* dead) {
  if (!CheckFits(client, more)) return std::nullopt;
  *dead = TakeDead(now);
  return CheckFits(client, more);
}

void BatchQueue::Add(std::vector<QueuedPtr> arriving) {
  for (QueuedPtr& trace : arriving) {
    trace->number = next_number_++;
    Count(trace->waiting, 1);
    waiting_.push_back(trace->waiting);
    traces_.push_back(std::move(trace));
  }
}

void BatchQueue::PutBack(QueuedPtr rest) {
  Count(rest->waiting, 1);
  const auto place = std::upper_bound(
      traces_.begin(), traces_.end(), rest->number,
      [](uint64_t number, const QueuedPtr& other) { return number < other->number; });
  waiting_.insert(waiting_.begin() + (place - traces_.begin()), rest->waiting);
  traces_.insert(place, std::move(rest));
}

// --- out ----------------------------------------------------------------------------------------

bool BatchQueue::MayTake(size_t worker, size_t from) const {
  if (!reuses_prefixes_ || from == worker) return true;
  return workers_[worker].traces == 0 && workers_[from].fresh_tokens > limits_.steal_above_tokens;
}

bool BatchQueue::HasWork(size_t worker) const {
  for (size_t from = 0; from < workers_.size(); ++from) {
    if (workers_[from].traces > 0 && MayTake(worker, from)) return true;
  }
  return false;
}

LeavingTraces BatchQueue::Take(size_t worker, SteadyTime now) {
  BatchWorker who{.index = reuses_prefixes_ ? worker : 0, .takes_from = {}};
  for (size_t from = 0; from < workers_.size(); ++from) {
    who.takes_from.push_back(MayTake(worker, from));
  }
  ClientShares& shares = workers_[who.index].shares;
  BatchPlan plan = FormBatch(waiting_, now, limits_.batch, shares, who);
  shares = std::move(plan.shares);
  if (reuses_prefixes_) NoteComputed(worker, plan.batch);
  LeavingTraces leaving = Leave(plan.batch, plan.dead);
  for (BatchEntry& entry : leaving.batch) entry.trace->waiting.worker = who.index;
  return leaving;
}

LeavingTraces BatchQueue::TakeDead(SteadyTime now) { return Leave({}, FindDead(waiting_, now)); }

LeavingTraces BatchQueue::Leave(const std::vector<BatchMember>& batch, const DeadTraces& dead) {
  LeavingTraces leaving;
  const auto take = [&](size_t index) {
    Count(waiting_[index], -1);
    return std::move(traces_[index]);
  };
  for (const BatchMember& m : batch) leaving.batch.push_back({take(m.index), m.end});
  for (const size_t i : dead.expired) leaving.expired.push_back(take(i));
  for (const size_t i : dead.cancelled) leaving.cancelled.push_back(take(i));
  if (leaving.empty()) return leaving;
  size_t kept = 0;
  for (size_t i = 0; i < traces_.size(); ++i) {
    if (!traces_[i]) continue;
    if (kept < i) {
      traces_[kept] = std::move(traces_[i]);
      waiting_[kept] = waiting_[i];
    }
    ++kept;
  }
  traces_.resize(kept);
  waiting_.resize(kept);
  return leaving;
}

std::vector<QueuedPtr> BatchQueue::TakeAll() {
  for (const WaitingTrace& trace : waiting_) Count(trace, -1);
  waiting_.clear();
  return std::exchange(traces_, {});
}

// --- what is known ------------------------------------------------------------------------------

// When the worker takes its next batch, its scorer has computed this one, with the prefixes that
// waiting traces share with it.
void BatchQueue::NoteComputed(size_t worker, const std::vector<BatchMember>& batch) {
  std::unordered_multimap<uint64_t, BatchMember> of_problem;
  uint64_t filter = 0;  // Bloom filter: most waiting traces belong to other problems
  const auto bit = [](uint64_t problem) { return uint64_t{1} << (problem >> 8 & 63); };
  for (const BatchMember& member : batch) {
    const WaitingTrace& trace = waiting_[member.index];
    if (trace.no_prefix) continue;
    of_problem.emplace(trace.problem, member);
    filter |= bit(trace.problem);
  }
  for (WaitingTrace& trace : waiting_) {
    if (!(filter & bit(trace.problem)) || trace.worker != worker || trace.no_prefix) continue;
    const auto [begin, end] = of_problem.equal_range(trace.problem);
    int siblings = 0;
    for (auto member = begin; member != end && siblings < kSiblings; ++member, ++siblings) {
      const int64_t shared = SharedTokens(trace, waiting_[member->second.index]);
      trace.known = std::max(trace.known, std::min(member->second.end, shared));
    }
  }
}

std::vector<BatchQueue::Asked> BatchQueue::FirstOf(size_t worker, size_t count) const {
  std::vector<Asked> first;
  for (size_t i = 0; i < waiting_.size() && first.size() < count; ++i) {
    if (waiting_[i].worker != worker || waiting_[i].no_prefix) continue;
    first.push_back({traces_[i]->number, traces_[i]->tokens, waiting_[i].known});
  }
  return first;
}

void BatchQueue::SetKnown(const std::vector<Asked>& asked) {
  for (const Asked& one : asked) {
    const auto place = std::lower_bound(
        traces_.begin(), traces_.end(), one.number,
        [](const QueuedPtr& trace, uint64_t number) { return trace->number < number; });
    if (place == traces_.end() || (*place)->number != one.number) continue;
    waiting_[size_t(place - traces_.begin())].known = one.known;
  }
}

void BatchQueue::Measured(size_t worker, double tokens_per_second) {
  double& mean = workers_[worker].tokens_per_second;
  mean = mean == 0 ? tokens_per_second : (1 - kRateWeight) * mean + kRateWeight * tokens_per_second;
}

double BatchQueue::rate() const {
  double rate = 0;
  for (const WorkerQueue& worker : workers_) rate += worker.tokens_per_second;
  return rate;
}

}  // namespace prm
