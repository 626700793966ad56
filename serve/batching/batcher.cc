#include "serve/batching/batcher.h"

#include <optional>
#include <utility>

namespace prm {
namespace {

constexpr const char* kStopped = "the server stopped before the trace's turn came";

QueueLimits LimitsOf(const BatcherOptions& options, bool reuses_prefixes) {
  QueueLimits limits{.traces = options.max_queue_traces,
                     .tokens = options.max_queue_tokens,
                     .steal_above_tokens = options.steal_above_tokens,
                     .batch = options.batch};
  // Without reuse each chunk would compute all earlier ones again.
  if (!reuses_prefixes) limits.batch.chunk_tokens = 0;
  return limits;
}

}  // namespace

Batcher::Batcher(const BatcherOptions& options, std::vector<std::unique_ptr<StepScorer>> scorers)
    : options_(options),
      scorers_(std::move(scorers)),
      reuses_prefixes_(!scorers_.empty() && scorers_[0]->description().reuses_prefixes),
      queue_(LimitsOf(options, reuses_prefixes_), scorers_.size(), reuses_prefixes_) {
  if (scorers_.empty()) throw Error(ErrorCode::kInvalidArgument, "a batcher needs a scorer");
  try {
    for (size_t worker = 0; worker < scorers_.size(); ++worker) {
      threads_.emplace_back([this, worker] { Work(worker); });
    }
  } catch (...) {  // no thread could be started
    Stop();
    throw;
  }
}

Batcher::~Batcher() { Stop(); }

// Asks the scorer, which takes its own lock: never call it under mutex_.
int64_t Batcher::Known(size_t worker, const TraceTokens& tokens) const {
  return int64_t(tokens.ids.size()) - scorers_[worker]->TokensToCompute(tokens);
}

void Batcher::Submit(std::vector<BatchItem> items) {
  if (items.empty()) return;
  BatchQueue::Load more{int64_t(items.size()), 0};
  for (const BatchItem& item : items) more.tokens += int64_t(item.tokens.ids.size());
  if (more.traces > options_.max_queue_traces || more.tokens > options_.max_queue_tokens) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(more.traces, " traces of ", more.tokens, " tokens; the queue holds at most ",
                       options_.max_queue_traces, " traces of ", options_.max_queue_tokens));
  }
  const uint64_t client = items[0].client;
  const SteadyTime now = options_.now();
  std::vector<QueuedPtr> arriving;
  for (BatchItem& item : items) {
    QueuedPtr trace = MakeQueued(std::move(item), now, reuses_prefixes_ ? scorers_.size() : 1);
    WaitingTrace& waiting = trace->waiting;
    waiting.no_prefix = !scorers_[0]->ReusesPrefixOf(*trace->tokens);
    if (!waiting.no_prefix) waiting.known = Known(waiting.worker, *trace->tokens);
    arriving.push_back(std::move(trace));
  }
  LeavingTraces dead;
  std::optional<QueueFull> full;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) {
      throw Error(ErrorCode::kUnavailable, "the server is stopping and takes no new work");
    }
    full = queue_.MakeRoom(client, more, now, &dead);
    if (!full) queue_.Add(std::move(arriving));
  }
  if (!full) work_.notify_all();
  Dismiss(std::move(dead));
  if (full) throw *full;
}

void Batcher::CheckRoom(uint64_t client, int64_t traces) {
  const SteadyTime now = options_.now();
  LeavingTraces dead;
  std::optional<QueueFull> full;
  {
    std::lock_guard lock(mutex_);
    full = queue_.MakeRoom(client, {traces, 0}, now, &dead);
  }
  Dismiss(std::move(dead));
  if (full) throw *full;
}

std::chrono::milliseconds Batcher::retry_after() const {
  std::lock_guard lock(mutex_);
  return RetryAfter(0, queue_.tokens(), queue_.rate());
}

// --- a worker -----------------------------------------------------------------------------------

void Batcher::Work(size_t worker) {
  for (;;) {
    LeavingTraces leaving;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || queue_.HasWork(worker); });
      if (stopping_) return;
    }
    const SteadyTime now = options_.now();
    {
      std::lock_guard lock(mutex_);
      leaving = queue_.Take(worker, now);
    }
    if (leaving.empty()) continue;  // another worker was first
    BatchReport report;
    report.traces = int(leaving.batch.size());
    report.expired = int(leaving.expired.size());
    report.cancelled = int(leaving.cancelled.size());
    std::vector<BatchEntry> batch = std::move(leaving.batch);
    Dismiss(std::move(leaving));
    if (!batch.empty()) Run(worker, std::move(batch), &report);
    if (options_.on_batch) {
      report.queue_traces = queue_traces();
      report.queue_tokens = queue_tokens();
      options_.on_batch(report);
    }
  }
}

void Batcher::Run(size_t worker, std::vector<BatchEntry> batch, BatchReport* report) {
  // The next batch may hold more traces, since more of their prefixes are known by then.
  const size_t next = 2 * batch.size() + 16;
  BatchRun run(scorers_[worker].get(), std::move(batch), options_.now);
  if (const auto rate = run.tokens_per_second()) {
    std::lock_guard lock(mutex_);
    queue_.Measured(worker, *rate);
  }
  std::vector<QueuedPtr> rests = run.Conclude(report);
  if (reuses_prefixes_) AskAnew(worker, std::move(rests), next);
}

// After a batch, the scorer's cache has changed. Asks it again about the rests, which are then
// queued again, and about the worker's first `count` waiting traces.
void Batcher::AskAnew(size_t worker, std::vector<QueuedPtr> rests, size_t count) {
  std::vector<BatchQueue::Asked> asked;
  {
    std::lock_guard lock(mutex_);
    asked = queue_.FirstOf(worker, count);
  }
  if (asked.empty() && rests.empty()) return;
  for (BatchQueue::Asked& one : asked) one.known = Known(worker, *one.tokens);
  const SteadyTime now = options_.now();
  for (QueuedPtr& rest : rests) {
    rest->waiting.since = now;
    rest->waiting.known = Known(worker, *rest->tokens);
  }
  {
    std::lock_guard lock(mutex_);
    queue_.SetKnown(asked);
    if (!stopping_) {
      for (QueuedPtr& rest : rests) queue_.PutBack(std::move(rest));
      return;
    }
  }
  Refuse(std::move(rests), ErrorCode::kUnavailable, kStopped);
}

// --- out without work ---------------------------------------------------------------------------

void Batcher::Dismiss(LeavingTraces dead) {
  Refuse(std::move(dead.expired), ErrorCode::kDeadlineExceeded, kExpiredWaiting);
  Refuse(std::move(dead.cancelled), ErrorCode::kCancelled, kCancelledWaiting);
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): the traces end here
void Batcher::Refuse(std::vector<QueuedPtr> traces, ErrorCode code, const char* why) {
  if (traces.empty()) return;
  const SteadyTime now = options_.now();
  for (const QueuedPtr& trace : traces) {
    WorkTimes& times = trace->times;
    if (trace->waiting.begun == 0) times.queue_us = MicrosecondsBetween(trace->arrived, now);
    trace->item.done(Error(code, why), times);
  }
}

void Batcher::Stop() {
  std::call_once(stop_once_, [&] {
    std::vector<QueuedPtr> left;
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      left = queue_.TakeAll();
    }
    work_.notify_all();
    Refuse(std::move(left), ErrorCode::kUnavailable, kStopped);
    for (std::thread& thread : threads_) thread.join();
  });
}

int64_t Batcher::queue_traces() const {
  std::lock_guard lock(mutex_);
  return queue_.traces();
}

int64_t Batcher::queue_tokens() const {
  std::lock_guard lock(mutex_);
  return queue_.tokens();
}

}  // namespace prm
