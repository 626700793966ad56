#include "model/offline_scoring.h"

#include "data/error.h"

namespace prm {

ScoreLine ToScoreLine(OfflineResult result, double threshold) {
  return result.error ? MakeErrorLine(result.trace.id, *std::move(result.error))
                      : MakeScoreLine(result.trace.id, std::move(result.scores), threshold);
}

OfflineScorer::OfflineScorer(StepScorer& scorer, OfflineOptions options,
                             std::function<void(OfflineResult)> emit)
    : scorer_(scorer), options_(options), emit_(std::move(emit)) {
  const int limit = scorer_.description().max_tokens;
  options_.max_tokens = options_.max_tokens > 0 ? std::min(options_.max_tokens, limit) : limit;
}

void OfflineScorer::Add(Trace trace) {
  OfflineResult result;
  TraceTokens tokens;
  try {
    tokens = TokenizeTrace(scorer_.format(), scorer_.tokenizer(), trace);
    const size_t count = tokens.ids.size();
    result.too_long = int64_t(count) > options_.max_tokens;
    if (result.too_long && options_.too_long == TooLong::kCut) {
      result.dropped_steps = CutToFit(options_.max_tokens, &tokens);
    }
    if (result.too_long && (options_.too_long != TooLong::kCut || tokens.step_reads.empty())) {
      throw Error(ErrorCode::kOutOfRange,
                  StrCat("trace \"", trace.id, "\": ", count, " tokens, at most ",
                         options_.max_tokens, " are allowed"));
    }
  } catch (const Error& error) {
    result.error = error.what();
  }
  result.trace = std::move(trace);
  if (!result.error) {
    result.tokens = int64_t(tokens.ids.size());
    if (!batch_.empty() && batch_tokens_ + result.tokens > options_.batch_tokens) Flush();
    batch_.push_back(std::move(tokens));
    batch_tokens_ += result.tokens;
  }
  waiting_.push_back(std::move(result));
}

void OfflineScorer::Flush() {
  std::vector<TraceScore> scores;
  if (!batch_.empty()) scores = scorer_.Score(batch_);
  size_t next = 0;
  for (OfflineResult& result : waiting_) {
    if (!result.error) result.scores = std::move(scores[next++].scores);
    emit_(std::move(result));
  }
  waiting_.clear();
  batch_.clear();
  batch_tokens_ = 0;
}

}  // namespace prm
