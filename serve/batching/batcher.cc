#include "serve/batching/batcher.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "model/decoder/not_finite.h"
#include "serve/batching/shares.h"

namespace prm {
namespace {

constexpr const char* kExpired = "the deadline passed before the trace's turn came";
constexpr const char* kCancelled = "the call was cancelled before the trace's turn came";
constexpr const char* kStopped = "the server stopped before the trace's turn came";
// How much the last batch counts in the mean rate of a worker.
constexpr double kRateWeight = 0.2;
// With how many traces of its problem that are in a batch already a trace is compared.
constexpr int kSiblings = 16;

int64_t Microseconds(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
}

bool IsCancelled(const BatchItem& item) {
  return item.cancelled && item.cancelled->load(std::memory_order_relaxed);
}

// Of what comes before the steps: equal for all traces of a problem.
uint64_t HashPrompt(const TraceTokens& tokens) {
  uint64_t hash = 1469598103934665603u;
  const size_t prompt = std::min(tokens.ids.size(), size_t(std::max(tokens.steps_begin, 1)));
  for (size_t i = 0; i < prompt; ++i) hash = (hash ^ uint64_t(tokens.ids[i])) * 1099511628211u;
  return hash ^ (hash >> 32);  // the low bits choose the worker
}

// The first `end` ids with their reads.
TraceTokens Part(const TraceTokens& whole, int64_t end) {
  TraceTokens part;
  part.ids.assign(whole.ids.begin(), whole.ids.begin() + ptrdiff_t(end));
  for (const int32_t read : whole.step_reads) {
    if (read < end) part.step_reads.push_back(read);
  }
  part.steps_begin = int32_t(std::min<int64_t>(whole.steps_begin, end));
  return part;
}

template <class T>
void Append(std::vector<T>&& from, std::vector<T>* to) {
  to->insert(to->end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// Of `chunk`, the tokens before `begun` were computed by the chunks before it: they count once.
void AddChunk(TraceScore chunk, int64_t begun, TraceScore* sum) {
  Append(std::move(chunk.scores.p_correct), &sum->scores.p_correct);
  Append(std::move(chunk.scores.label_probs), &sum->scores.label_probs);
  sum->tokens_computed += chunk.tokens_computed;
  sum->tokens_reused += std::max<int64_t>(0, chunk.tokens_reused - begun);
}

// Errors that one trace causes, and that its neighbours need not share: one that the scorer does
// not take, one whose scores are no numbers.
bool IsOfATrace(ErrorCode code) {
  return code == ErrorCode::kInvalidArgument || code == ErrorCode::kDataLoss;
}

void CheckShape(const std::vector<TraceScore>& scores, std::span<const TraceTokens> tokens) {
  if (scores.size() != tokens.size()) {
    throw Error(ErrorCode::kInternal, StrCat("the scorer gave ", scores.size(), " answers for ",
                                             tokens.size(), " traces"));
  }
  for (size_t i = 0; i < scores.size(); ++i) {
    if (scores[i].scores.p_correct.size() != tokens[i].step_reads.size()) {
      throw Error(ErrorCode::kInternal,
                  StrCat("the scorer gave ", scores[i].scores.p_correct.size(), " scores for ",
                         tokens[i].step_reads.size(), " steps"));
    }
  }
}

}  // namespace

// The scores of some traces, or the error that all of them share.
struct Batcher::ScoreAttempt {
  std::vector<TraceScore> traces;
  std::optional<Error> error;
  std::optional<int> not_finite;  // a read, where that is the error

  // The error, which is of `trace` alone.
  Error ErrorOf(const Waiting& trace) const {
    if (!not_finite) return *error;
    const size_t before = trace.outcome.scored.scores.p_correct.size();
    return ScoreNotFinite(*not_finite, trace.item.first_step + int(before) + *not_finite);
  }

  ScoreAttempt(StepScorer* scorer, std::span<const TraceTokens> tokens) {
    try {
      traces = scorer->Score(tokens);
      CheckShape(traces, tokens);
    } catch (const ScoreNotFinite& e) {
      error = e;
      not_finite = e.read();
    } catch (const Error& e) {
      error = e;
    } catch (const std::exception& e) {
      error = Error(ErrorCode::kInternal, e.what());
    }
  }
};

std::chrono::milliseconds RetryAfter(int64_t excess_tokens, int64_t waiting_tokens,
                                     double tokens_per_second) {
  constexpr double kUnknown = 1000, kLeast = 100, kMost = 10'000;
  if (tokens_per_second <= 0) return std::chrono::milliseconds(int64_t(kUnknown));
  const double tokens = double(std::max(excess_tokens, waiting_tokens / 8));
  return std::chrono::milliseconds(
      int64_t(std::clamp(1000 * tokens / tokens_per_second, kLeast, kMost)));
}

Batcher::Batcher(const BatcherOptions& options, std::vector<std::unique_ptr<StepScorer>> scorers)
    : options_(options),
      scorers_(std::move(scorers)),
      reuses_prefixes_(!scorers_.empty() && scorers_[0]->description().reuses_prefixes),
      limits_([&] {
        BatchLimits limits = options.batch;
        // Each chunk would compute all before it again.
        if (!reuses_prefixes_) limits.chunk_tokens = 0;
        return limits;
      }()),
      homes_(scorers_.size()) {
  if (scorers_.empty()) throw Error(ErrorCode::kInvalidArgument, "a batcher needs a scorer");
  try {
    for (size_t worker = 0; worker < scorers_.size(); ++worker) {
      threads_.emplace_back([this, worker] { Work(worker); });
    }
  } catch (...) {  // the machine gives no more of them
    Stop();
    throw;
  }
}

Batcher::~Batcher() { Stop(); }

// --- into the queue -----------------------------------------------------------------------------

Batcher::Waiting Batcher::Arrive(BatchItem item, SteadyTime now) const {
  Waiting trace;
  trace.item = std::move(item);
  trace.problem = HashPrompt(trace.item.tokens);
  trace.whole = !scorers_[0]->ReusesPrefixOf(trace.item.tokens);
  trace.home = reuses_prefixes_ ? trace.problem % scorers_.size() : 0;
  trace.arrived = trace.since = now;
  return trace;
}

void Batcher::CountLocked(const Waiting& trace, int sign) {
  const int64_t tokens = trace.Length() - trace.begun;
  queue_tokens_ += sign * tokens;
  Load& load = loads_[trace.item.client];
  load.tokens += sign * tokens;
  load.traces += sign;
  if (load.traces == 0) loads_.erase(trace.item.client);
  Home& home = homes_[trace.home];
  home.traces += sign;
  if (trace.begun == 0) home.fresh_tokens += sign * trace.Length();
}

std::optional<QueueFull> Batcher::CheckFitsLocked(uint64_t client, const Load& more) const {
  const auto [traces, tokens] = more;
  const int64_t waiting = int64_t(queue_.size());
  const int64_t traces_over = waiting + traces - options_.max_queue_traces;
  const int64_t tokens_over = queue_tokens_ + tokens - options_.max_queue_tokens;
  if (traces_over <= 0 && tokens_over <= 0) return CheckShareLocked(client, more);
  const int64_t excess =
      std::max(tokens_over, waiting == 0 ? 0 : traces_over * (queue_tokens_ / waiting));
  return QueueFull(StrCat("the queue is full: ", waiting, " traces of ", queue_tokens_,
                          " tokens wait, no room for ", traces, " of ", tokens),
                   RetryAfter(excess, queue_tokens_, RateLocked()));
}

std::optional<QueueFull> Batcher::CheckShareLocked(uint64_t client, const Load& more) const {
  const auto load = loads_.find(client);
  if (load == loads_.end()) return std::nullopt;
  const Load& held = load->second;
  const int64_t free_traces = options_.max_queue_traces - int64_t(queue_.size());
  const int64_t free_tokens = options_.max_queue_tokens - queue_tokens_;
  if (Shares::Allows(held.traces, more.traces, free_traces) &&
      Shares::Allows(held.tokens, more.tokens, free_tokens)) {
    return std::nullopt;
  }
  return QueueFull(
      StrCat("this client has its share of the queue: ", held.traces, " traces of ", held.tokens,
             " tokens, and as much must stay free for others; no room "
             "for ",
             more.traces, " of ", more.tokens),
      RetryAfter(more.tokens, held.tokens, RateLocked()));
}

// Where there is no room, those that wait for nothing leave first, into `dead`.
std::optional<QueueFull> Batcher::MakeRoomLocked(uint64_t client, const Load& more, Leaving* dead) {
  if (!CheckFitsLocked(client, more)) return std::nullopt;
  *dead = RemoveDeadLocked();
  return CheckFitsLocked(client, more);
}

// Tokens a second of all workers.
double Batcher::RateLocked() const {
  double rate = 0;
  for (const Home& home : homes_) rate += home.tokens_per_second;
  return rate;
}

void Batcher::Submit(std::vector<BatchItem> items) {
  if (items.empty()) return;
  int64_t tokens = 0;
  for (const BatchItem& item : items) tokens += int64_t(item.tokens.ids.size());
  if (int64_t(items.size()) > options_.max_queue_traces || tokens > options_.max_queue_tokens) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(items.size(), " traces of ", tokens, " tokens; the queue holds at most ",
                       options_.max_queue_traces, " traces of ", options_.max_queue_tokens));
  }
  const SteadyTime now = options_.now();
  std::vector<Waiting> arriving;
  for (BatchItem& item : items) arriving.push_back(Arrive(std::move(item), now));
  Leaving dead;
  std::optional<QueueFull> full;
  {
    std::lock_guard lock(mutex_);
    if (draining_) {
      throw Error(ErrorCode::kUnavailable, "the server is draining and takes no new work");
    }
    full = MakeRoomLocked(arriving[0].item.client, {int64_t(arriving.size()), tokens}, &dead);
    for (size_t i = 0; i < arriving.size() && !full; ++i) {
      arriving[i].number = next_number_++;
      CountLocked(arriving[i], 1);
      queue_.push_back(std::move(arriving[i]));
    }
  }
  if (!full) work_.notify_all();
  Dismiss(std::move(dead));
  if (full) throw *full;
}

void Batcher::CheckRoom(uint64_t client, int64_t traces) {
  Leaving dead;
  std::optional<QueueFull> full;
  {
    std::lock_guard lock(mutex_);
    full = MakeRoomLocked(client, {traces, 0}, &dead);
  }
  Dismiss(std::move(dead));
  if (full) throw *full;
}

std::chrono::milliseconds Batcher::retry_after() const {
  std::lock_guard lock(mutex_);
  return RetryAfter(0, queue_tokens_, RateLocked());
}

// The rest of a trace goes back to its place: before what came later.
void Batcher::Requeue(Waiting trace) {
  std::optional<Waiting> refused;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) {
      refused = std::move(trace);
    } else {
      trace.since = options_.now();
      CountLocked(trace, 1);
      const auto place =
          std::upper_bound(queue_.begin(), queue_.end(), trace.number,
                           [](uint64_t number, const Waiting& w) { return number < w.number; });
      queue_.insert(place, std::move(trace));
    }
  }
  if (!refused) return;
  refused->outcome.scored = {};
  refused->outcome.error = Error(ErrorCode::kUnavailable, kStopped);
  refused->item.done(std::move(refused->outcome));
}

// --- out of the queue ---------------------------------------------------------------------------

bool Batcher::MayTakeLocked(size_t worker, size_t home) const {
  if (!reuses_prefixes_ || home == worker) return true;
  return homes_[worker].traces == 0 && homes_[home].fresh_tokens > options_.steal_above_tokens;
}

bool Batcher::HasWorkLocked(size_t worker) const {
  for (size_t home = 0; home < homes_.size(); ++home) {
    if (homes_[home].traces > 0 && MayTakeLocked(worker, home)) return true;
  }
  return false;
}

// `worker`: for whom; nullopt: for nobody.
std::vector<WaitingTrace> Batcher::QueueViewLocked(std::optional<size_t> worker) const {
  std::vector<WaitingTrace> view;
  view.reserve(queue_.size());
  for (const Waiting& w : queue_) {
    const bool at_home = !reuses_prefixes_ || w.home == worker;
    const bool mine = worker && MayTakeLocked(*worker, w.home) && (at_home || w.begun == 0);
    view.push_back({.tokens = w.Length(),
                    .begun = w.begun,
                    .priority = w.item.priority,
                    .client = w.item.client,
                    .since = w.since,
                    .deadline = w.item.deadline,
                    .cancelled = IsCancelled(w.item),
                    .whole = w.whole,
                    .elsewhere = !mine});
  }
  return view;
}

// What the scorer knows already need not be computed, nor what a trace shares with one before it in
// the batch.
int64_t Batcher::CostLocked(size_t worker, size_t index, std::span<const BatchMember> taken) const {
  const Waiting& trace = queue_[index];
  const std::vector<TokenId>& ids = trace.item.tokens.ids;
  int64_t cost = scorers_[worker]->TokensToCompute(trace.item.tokens);
  if (trace.whole) return cost;
  int siblings = 0;
  for (auto member = taken.rbegin(); member != taken.rend() && siblings < kSiblings; ++member) {
    const Waiting& other = queue_[member->index];
    if (other.problem != trace.problem || other.whole) continue;
    ++siblings;
    const auto begin = other.item.tokens.ids.begin();
    const auto shared =
        std::mismatch(ids.begin(), ids.end(), begin, begin + ptrdiff_t(member->end)).first;
    cost = std::min<int64_t>(cost, ids.end() - shared);
  }
  return cost;
}

Batcher::Leaving Batcher::TakeLocked(size_t worker) {
  ClientShares& shares = homes_[reuses_prefixes_ ? worker : 0].shares;
  BatchPlan plan = FormBatch(QueueViewLocked(worker), options_.now(), limits_, shares,
                             [&](size_t index, std::span<const BatchMember> taken) {
                               return CostLocked(worker, index, taken);
                             });
  shares = std::move(plan.shares);
  Leaving leaving = LeaveLocked(plan);
  if (reuses_prefixes_) {
    for (Turn& turn : leaving.batch) turn.trace.home = worker;
  }
  return leaving;
}

Batcher::Leaving Batcher::RemoveDeadLocked() {
  return LeaveLocked(
      FormBatch(QueueViewLocked(std::nullopt), options_.now(), limits_, {}, nullptr));
}

Batcher::Leaving Batcher::LeaveLocked(const BatchPlan& plan) {
  Leaving leaving;
  const auto take = [&](size_t index) {
    CountLocked(queue_[index], -1);
    ++in_work_;
    Waiting taken = std::move(queue_[index]);
    queue_[index].item.done = nullptr;
    return taken;
  };
  for (const BatchMember& m : plan.batch) leaving.batch.push_back({take(m.index), m.end});
  for (const size_t i : plan.expired) leaving.expired.push_back(take(i));
  for (const size_t i : plan.cancelled) leaving.cancelled.push_back(take(i));
  // What left has no callback any more.
  std::erase_if(queue_, [](const Waiting& w) { return !w.item.done; });
  return leaving;
}

void Batcher::Dismiss(Leaving dead) {
  Refuse(std::move(dead.expired), ErrorCode::kDeadlineExceeded, kExpired);
  Refuse(std::move(dead.cancelled), ErrorCode::kCancelled, kCancelled);
}

void Batcher::Refuse(std::vector<Waiting> items, ErrorCode code, const char* why) {
  if (items.empty()) return;
  const SteadyTime now = options_.now();
  for (Waiting& w : items) {
    TraceOutcome& outcome = w.outcome;
    outcome.scored = {};
    outcome.error = Error(code, why);
    if (w.begun == 0) outcome.queue_us = Microseconds(w.arrived, now);
    w.item.done(std::move(outcome));
  }
  Finished(items.size());
}

void Batcher::Finished(size_t count) {
  std::lock_guard lock(mutex_);
  in_work_ -= int64_t(count);
  if (queue_.empty() && in_work_ == 0) idle_.notify_all();
}

// --- a worker -----------------------------------------------------------------------------------

void Batcher::Work(size_t worker) {
  for (;;) {
    Leaving leaving;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || HasWorkLocked(worker); });
      if (stopping_) return;
      leaving = TakeLocked(worker);
    }
    BatchReport report;
    report.traces = int(leaving.batch.size());
    report.expired = int(leaving.expired.size());
    report.cancelled = int(leaving.cancelled.size());
    Dismiss({{}, std::move(leaving.expired), std::move(leaving.cancelled)});
    if (!leaving.batch.empty()) Run(worker, std::move(leaving.batch), &report);
    if (options_.on_batch) {
      report.queue_traces = queue_traces();
      report.queue_tokens = queue_tokens();
      options_.on_batch(report);
    }
    Finished(size_t(report.traces));
  }
}

void Batcher::Run(size_t worker, std::vector<Turn> batch, BatchReport* report) {
  StepScorer* scorer = scorers_[worker].get();
  const SteadyTime start = options_.now();
  std::vector<TraceTokens> tokens;
  tokens.reserve(batch.size());
  for (Turn& turn : batch) {
    Waiting& trace = turn.trace;
    report->tokens += turn.end - trace.begun;
    if (trace.begun == 0) trace.outcome.queue_us = Microseconds(trace.arrived, start);
    tokens.push_back(Part(trace.item.tokens, turn.end));
  }
  ScoreAttempt attempt(scorer, tokens);
  if (attempt.error && IsOfATrace(attempt.error->code()) && batch.size() > 1) {
    RunAlone(scorer, tokens, std::move(batch), report);
    report->compute_us = Microseconds(start, options_.now());
    return;
  }
  report->compute_us = Microseconds(start, options_.now());
  MeasureRate(worker, *report);
  for (size_t i = 0; i < batch.size(); ++i) {
    TraceOutcome result{{}, {}, 0, report->compute_us};
    if (attempt.error) {
      result.error = attempt.ErrorOf(batch[i].trace);
    } else {
      result.scored = std::move(attempt.traces[i]);
    }
    Conclude(std::move(batch[i]), std::move(result), report);
  }
}

// One bad trace must not fail its neighbours: each is tried by itself, and only the bad one fails.
void Batcher::RunAlone(StepScorer* scorer, std::span<const TraceTokens> tokens,
                       std::vector<Turn> batch, BatchReport* report) {
  for (size_t i = 0; i < batch.size(); ++i) {
    const BatchItem& item = batch[i].trace.item;
    const SteadyTime start = options_.now();
    TraceOutcome result;
    if (IsCancelled(item)) {
      result.error = Error(ErrorCode::kCancelled, kCancelled);
    } else if (item.deadline <= start) {
      result.error = Error(ErrorCode::kDeadlineExceeded, kExpired);
    } else {
      ScoreAttempt attempt(scorer, tokens.subspan(i, 1));
      if (attempt.error) {
        result.error = attempt.ErrorOf(batch[i].trace);
      } else {
        result.scored = std::move(attempt.traces[0]);
      }
      result.compute_us = Microseconds(start, options_.now());
    }
    Conclude(std::move(batch[i]), std::move(result), report);
  }
}

// Adds what a turn gave to the trace's outcome; then the trace is done, or its rest waits again.
void Batcher::Conclude(Turn turn, TraceOutcome result, BatchReport* report) {
  Waiting& trace = turn.trace;
  TraceOutcome& outcome = trace.outcome;
  outcome.compute_us += result.compute_us;
  if (result.error) {
    outcome.scored = {};
    outcome.error = std::move(result.error);
    return trace.item.done(std::move(outcome));
  }
  report->tokens_computed += result.scored.tokens_computed;
  AddChunk(std::move(result.scored), trace.begun, &outcome.scored);
  if (turn.end == trace.Length()) return trace.item.done(std::move(outcome));
  ++report->chunks;
  trace.begun = turn.end;
  std::erase_if(trace.item.tokens.step_reads, [&](int32_t read) { return read < turn.end; });
  Requeue(std::move(trace));
}

void Batcher::MeasureRate(size_t worker, const BatchReport& report) {
  if (report.compute_us <= 0) return;
  const double rate = 1e6 * double(report.tokens) / double(report.compute_us);
  std::lock_guard lock(mutex_);
  double& mean = homes_[worker].tokens_per_second;
  mean = mean == 0 ? rate : (1 - kRateWeight) * mean + kRateWeight * rate;
}

// --- the end ------------------------------------------------------------------------------------

bool Batcher::Drain(SteadyTime give_up) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  const auto idle = [&] { return queue_.empty() && in_work_ == 0; };
  // wait_until(max) overflows in libstdc++'s conversion between clocks.
  if (give_up == SteadyTime::max()) {
    idle_.wait(lock, idle);
    return true;
  }
  return idle_.wait_until(lock, give_up, idle);
}

void Batcher::Stop() {
  std::call_once(stop_once_, [&] {
    std::vector<Waiting> left;
    {
      std::lock_guard lock(mutex_);
      draining_ = stopping_ = true;
      for (const Waiting& trace : queue_) CountLocked(trace, -1);
      left.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
      queue_.clear();
      in_work_ += int64_t(left.size());
    }
    work_.notify_all();
    Refuse(std::move(left), ErrorCode::kUnavailable, kStopped);
    for (std::thread& thread : threads_) thread.join();
  });
}

int64_t Batcher::queue_traces() const {
  std::lock_guard lock(mutex_);
  return int64_t(queue_.size());
}

int64_t Batcher::queue_tokens() const {
  std::lock_guard lock(mutex_);
  return queue_tokens_;
}

}  // namespace prm
