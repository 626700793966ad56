#include "model/scoring/offline_scoring.h"

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
  const bool cuts = options_.too_long == TooLong::kCut;
  const auto refuse = [&](int64_t count, const char* about) {
    throw Error(ErrorCode::kOutOfRange,
                StrCat("trace \"", trace.id, "\": ", about, count, " tokens, at most ",
                       options_.max_tokens, " are allowed"));
  };
  try {
    // Before it is tokenised, which a text far too long must not cost.
    const int64_t least = cuts ? 0 : MinTokens(scorer_.format(), scorer_.tokenizer(), trace);
    result.too_long = least > options_.max_tokens;
    if (result.too_long) refuse(least, "at least ");
    tokens = TokenizeTrace(scorer_.format(), scorer_.tokenizer(), trace);
    const int64_t count = int64_t(tokens.ids.size());
    result.too_long = count > options_.max_tokens;
    if (result.too_long && cuts) result.dropped_steps = CutToFit(options_.max_tokens, &tokens);
    if (result.too_long && (!cuts || tokens.step_reads.empty())) refuse(count, "");
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

// As the batch, but a trace whose scores are no numbers has none, and its error with its result.
std::vector<TraceScore> OfflineScorer::ScoreAlone() {
  std::vector<TraceScore> scores;
  size_t next = 0;
  for (OfflineResult& result : waiting_) {
    if (result.error) continue;
    try {
      scores.push_back(scorer_.Score({&batch_[next++], 1})[0]);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDataLoss) throw;
      result.error = StrCat("trace \"", result.trace.id, "\": ", error.what());
      result.tokens = 0;
    }
  }
  return scores;
}

void OfflineScorer::Flush() {
  std::vector<TraceScore> scores;
  try {
    if (!batch_.empty()) scores = scorer_.Score(batch_);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDataLoss) throw;
    scores = ScoreAlone();
  }
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
