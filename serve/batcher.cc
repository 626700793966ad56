#include "serve/batcher.h"

#include <exception>
#include <utility>

namespace prm {
namespace {

constexpr const char* kExpired = "the deadline passed before the trace's turn came";
constexpr const char* kCancelled = "the call was cancelled before the trace's turn came";

int64_t Microseconds(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
}

int64_t Length(const BatchItem& item) { return int64_t(item.tokens.ids.size()); }

bool IsCancelled(const BatchItem& item) {
  return item.cancelled && item.cancelled->load(std::memory_order_relaxed);
}

// The scores of `tokens`, or the error that all of them share.
struct ScoreAttempt {
  std::vector<TraceScore> traces;
  std::optional<Error> error;
};

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

ScoreAttempt TryScore(StepScorer* scorer, std::span<const TraceTokens> tokens) {
  ScoreAttempt attempt;
  try {
    attempt.traces = scorer->Score(tokens);
    CheckShape(attempt.traces, tokens);
  } catch (const Error& error) {
    attempt.error = error;
  } catch (const std::exception& error) {
    attempt.error = Error(ErrorCode::kInternal, error.what());
  }
  return attempt;
}

}  // namespace

Batcher::Batcher(const BatcherOptions& options, std::vector<std::unique_ptr<StepScorer>> scorers)
    : options_(options), scorers_(std::move(scorers)) {
  if (scorers_.empty()) throw Error(ErrorCode::kInvalidArgument, "a batcher needs a scorer");
  for (const auto& scorer : scorers_) {
    threads_.emplace_back([this, scorer = scorer.get()] { Work(scorer); });
  }
}

Batcher::~Batcher() { Stop(); }

void Batcher::Submit(std::vector<BatchItem> items) {
  int64_t tokens = 0;
  for (const BatchItem& item : items) tokens += Length(item);
  if (int64_t(items.size()) > options_.max_queue_traces || tokens > options_.max_queue_tokens) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(items.size(), " traces of ", tokens, " tokens; the queue holds at most ",
                       options_.max_queue_traces, " traces of ", options_.max_queue_tokens));
  }
  const auto fits = [&] {
    return int64_t(queue_.size() + items.size()) <= options_.max_queue_traces &&
           queue_tokens_ + tokens <= options_.max_queue_tokens;
  };
  Leaving dead;
  std::optional<Error> refused;
  {
    std::lock_guard lock(mutex_);
    if (draining_) {
      refused = Error(ErrorCode::kUnavailable, "the server is draining and takes no new work");
    } else {
      if (!fits()) dead = RemoveDeadLocked();
      if (!fits()) {
        refused = Error(ErrorCode::kResourceExhausted,
                        StrCat("the queue is full: ", queue_.size(), " traces of ", queue_tokens_,
                               " tokens wait, no room for ", items.size(), " of ", tokens));
      } else {
        const SteadyTime now = options_.now();
        for (BatchItem& item : items) queue_.push_back({std::move(item), now});
        queue_tokens_ += tokens;
      }
    }
  }
  if (!refused) work_.notify_all();
  Dismiss(std::move(dead));
  if (refused) throw *refused;
}

std::vector<WaitingTrace> Batcher::QueueViewLocked() const {
  std::vector<WaitingTrace> view;
  view.reserve(queue_.size());
  for (const Waiting& w : queue_) {
    view.push_back({Length(w.item), w.item.deadline, IsCancelled(w.item)});
  }
  return view;
}

Batcher::Leaving Batcher::LeaveLocked(const BatchPlan& plan) {
  Leaving leaving;
  const auto move_out = [&](const std::vector<size_t>& indices, std::vector<Waiting>* out) {
    for (size_t i : indices) {
      queue_tokens_ -= Length(queue_[i].item);
      out->push_back(std::move(queue_[i]));
      queue_[i].item.done = nullptr;
    }
    in_work_ += int64_t(indices.size());
  };
  move_out(plan.batch, &leaving.batch);
  move_out(plan.expired, &leaving.expired);
  move_out(plan.cancelled, &leaving.cancelled);
  // What left has no callback any more.
  std::erase_if(queue_, [](const Waiting& w) { return !w.item.done; });
  return leaving;
}

Batcher::Leaving Batcher::RemoveDeadLocked() {
  BatchPlan plan = FormBatch(QueueViewLocked(), options_.now(), options_.batch);
  plan.batch.clear();  // the dead only
  return LeaveLocked(plan);
}

void Batcher::Dismiss(Leaving dead) {
  Refuse(std::move(dead.expired), ErrorCode::kDeadlineExceeded, kExpired);
  Refuse(std::move(dead.cancelled), ErrorCode::kCancelled, kCancelled);
}

void Batcher::Refuse(std::vector<Waiting> items, ErrorCode code, const char* why) {
  if (items.empty()) return;
  const SteadyTime now = options_.now();
  for (Waiting& w : items) {
    TraceOutcome outcome;
    outcome.error = Error(code, why);
    outcome.queue_us = Microseconds(w.since, now);
    w.item.done(std::move(outcome));
  }
  Finished(items.size());
}

void Batcher::Finished(size_t count) {
  std::lock_guard lock(mutex_);
  in_work_ -= int64_t(count);
  if (queue_.empty() && in_work_ == 0) idle_.notify_all();
}

void Batcher::Work(StepScorer* scorer) {
  for (;;) {
    Leaving leaving;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      leaving = LeaveLocked(FormBatch(QueueViewLocked(), options_.now(), options_.batch));
    }
    BatchReport report;
    report.traces = int(leaving.batch.size());
    report.expired = int(leaving.expired.size());
    report.cancelled = int(leaving.cancelled.size());
    Dismiss({{}, std::move(leaving.expired), std::move(leaving.cancelled)});
    if (!leaving.batch.empty()) Run(scorer, std::move(leaving.batch), &report);
    if (options_.on_batch) {
      report.queue_traces = queue_traces();
      report.queue_tokens = queue_tokens();
      options_.on_batch(report);
    }
    Finished(size_t(report.traces));
  }
}

void Batcher::Run(StepScorer* scorer, std::vector<Waiting> batch, BatchReport* report) {
  std::vector<TraceTokens> tokens;
  tokens.reserve(batch.size());
  for (Waiting& w : batch) {
    report->tokens += Length(w.item);
    tokens.push_back(std::move(w.item.tokens));
  }
  const SteadyTime start = options_.now();
  ScoreAttempt attempt = TryScore(scorer, tokens);
  if (attempt.error && attempt.error->code() == ErrorCode::kInvalidArgument && batch.size() > 1) {
    RunAlone(scorer, tokens, batch, start);
  } else {
    const int64_t compute_us = Microseconds(start, options_.now());
    for (size_t i = 0; i < batch.size(); ++i) {
      TraceOutcome outcome{{}, attempt.error, Microseconds(batch[i].since, start), compute_us};
      if (!attempt.error) outcome.scored = std::move(attempt.traces[i]);
      batch[i].item.done(std::move(outcome));
    }
  }
  report->compute_us = Microseconds(start, options_.now());
}

// One bad trace must not fail its neighbours: each is tried by itself, and only the bad one fails.
void Batcher::RunAlone(StepScorer* scorer, std::span<const TraceTokens> tokens,
                       std::vector<Waiting>& batch, SteadyTime queued_until) {
  for (size_t i = 0; i < batch.size(); ++i) {
    BatchItem& item = batch[i].item;
    TraceOutcome outcome;
    outcome.queue_us = Microseconds(batch[i].since, queued_until);
    const SteadyTime start = options_.now();
    if (IsCancelled(item)) {
      outcome.error = Error(ErrorCode::kCancelled, kCancelled);
    } else if (item.deadline <= start) {
      outcome.error = Error(ErrorCode::kDeadlineExceeded, kExpired);
    } else {
      ScoreAttempt attempt = TryScore(scorer, tokens.subspan(i, 1));
      outcome.error = attempt.error;
      if (!attempt.error) outcome.scored = std::move(attempt.traces[0]);
      outcome.compute_us = Microseconds(start, options_.now());
    }
    item.done(std::move(outcome));
  }
}

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
      left.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
      queue_.clear();
      queue_tokens_ = 0;
      in_work_ += int64_t(left.size());
    }
    work_.notify_all();
    Refuse(std::move(left), ErrorCode::kUnavailable, "the server stopped before the trace's turn");
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
