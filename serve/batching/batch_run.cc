#include "serve/batching/batch_run.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <span>
#include <utility>

#include "model/decoder/not_finite.h"

namespace prm {
namespace {

// The ids before `end`, with the step reads in [begun, end), which are not scored yet.
TraceTokens Part(const TraceTokens& whole, int64_t begun, int64_t end) {
  TraceTokens part;
  part.ids.assign(whole.ids.begin(), whole.ids.begin() + ptrdiff_t(end));
  for (const int32_t read : whole.step_reads) {
    if (begun <= read && read < end) part.step_reads.push_back(read);
  }
  part.steps_begin = int32_t(std::min<int64_t>(whole.steps_begin, end));
  return part;
}

template <class T>
void Append(std::vector<T>&& from, std::vector<T>* to) {
  to->insert(to->end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// Adds `chunk` to `sum`. Its tokens before `begun` were counted by earlier chunks.
void AddChunk(TraceScores chunk, int64_t begun, TraceScores* sum) {
  Append(std::move(chunk.p_correct), &sum->p_correct);
  Append(std::move(chunk.label_probs), &sum->label_probs);
  sum->tokens_computed += chunk.tokens_computed;
  sum->tokens_reused += std::max<int64_t>(0, chunk.tokens_reused - begun);
}

// Whether one trace may have caused the error: the scorer refuses it, or its scores are not finite.
// The other traces of the batch need not fail with it.
bool IsOfATrace(ErrorCode code) {
  return code == ErrorCode::kInvalidArgument || code == ErrorCode::kDataLoss;
}

void CheckShape(const std::vector<TraceScores>& scores, std::span<const TraceTokens> tokens) {
  if (scores.size() != tokens.size()) {
    throw Error(ErrorCode::kInternal, StrCat("the scorer returned ", scores.size(), " answers for ",
                                             tokens.size(), " traces"));
  }
  for (size_t i = 0; i < scores.size(); ++i) {
    if (scores[i].size() != tokens[i].step_reads.size()) {
      throw Error(ErrorCode::kInternal,
                  StrCat("the scorer returned ", scores[i].size(), " scores for ",
                         tokens[i].step_reads.size(), " steps"));
    }
  }
}

}  // namespace

int64_t MicrosecondsBetween(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
}

// The scores of the traces, or their common error.
struct BatchRun::Attempt {
  std::vector<TraceScores> traces;
  std::optional<Error> error;
  std::optional<int> not_finite;  // the read whose score was not finite, if that is the error

  Attempt(StepScorer* scorer, std::span<const TraceTokens> tokens) {
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

  // The result of the `index`-th trace, which is `trace`.
  Result<TraceScores> Take(size_t index, const QueuedTrace& trace) {
    if (!error) return std::move(traces[index]);
    if (!not_finite) return *error;
    const size_t before = trace.scored.size();
    return ScoreNotFinite(*not_finite, trace.item.first_step + int(before) + *not_finite);
  }
};

BatchRun::BatchRun(StepScorer* scorer, std::vector<BatchEntry> batch,
                   const std::function<SteadyTime()>& now)
    : batch_(std::move(batch)) {
  const SteadyTime start = now();
  std::vector<TraceTokens> tokens;
  tokens.reserve(batch_.size());
  for (const BatchEntry& entry : batch_) {
    QueuedTrace& trace = *entry.trace;
    const int64_t begun = trace.waiting.begun;
    tokens_ += entry.end - begun;
    if (begun == 0) trace.times.queue_us = MicrosecondsBetween(trace.arrived, start);
    tokens.push_back(Part(*trace.tokens, begun, entry.end));
  }
  Attempt attempt(scorer, tokens);
  alone_ = attempt.error && IsOfATrace(attempt.error->code()) && batch_.size() > 1;
  if (alone_) ScoreAlone(scorer, tokens, now);
  compute_us_ = MicrosecondsBetween(start, now());
  for (size_t i = 0; i < batch_.size() && !alone_; ++i) {
    results_.push_back({attempt.Take(i, *batch_[i].trace), compute_us_});
  }
}

// Tries each trace by itself, so that only the bad one fails.
void BatchRun::ScoreAlone(StepScorer* scorer, std::span<const TraceTokens> tokens,
                          const std::function<SteadyTime()>& now) {
  for (size_t i = 0; i < batch_.size(); ++i) {
    const QueuedTrace& trace = *batch_[i].trace;
    const SteadyTime start = now();
    if (trace.waiting.IsCancelled()) {
      results_.push_back({Error(ErrorCode::kCancelled, kCancelledWaiting)});
    } else if (trace.item.deadline <= start) {
      results_.push_back({Error(ErrorCode::kDeadlineExceeded, kExpiredWaiting)});
    } else {
      Attempt attempt(scorer, tokens.subspan(i, 1));
      results_.push_back({attempt.Take(0, trace), MicrosecondsBetween(start, now())});
    }
  }
}

std::optional<double> BatchRun::tokens_per_second() const {
  if (alone_ || compute_us_ <= 0) return std::nullopt;
  return 1e6 * double(tokens_) / double(compute_us_);
}

std::vector<QueuedPtr> BatchRun::Conclude(BatchReport* report) {
  report->tokens += tokens_;
  report->compute_us += compute_us_;
  std::vector<QueuedPtr> rests;
  for (size_t i = 0; i < batch_.size(); ++i) {
    QueuedPtr trace = std::move(batch_[i].trace);
    trace->times.compute_us += results_[i].compute_us;
    if (!results_[i].scores.ok()) {
      trace->item.done(std::move(results_[i].scores), trace->times);
      continue;
    }
    TraceScores chunk = std::move(results_[i].scores).value();
    report->tokens_computed += chunk.tokens_computed;
    AddChunk(std::move(chunk), trace->waiting.begun, &trace->scored);
    if (batch_[i].end == trace->waiting.tokens) {
      trace->item.done(std::move(trace->scored), trace->times);
      continue;
    }
    ++report->chunks;
    trace->waiting.begun = batch_[i].end;
    rests.push_back(std::move(trace));
  }
  return rests;
}

}  // namespace prm
