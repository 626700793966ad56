#include "model/scoring/offline_scoring.h"

#include <algorithm>
#include <utility>

#include "data/error.h"

namespace prm {

bool IsTooLong(const ScoreLine& line) {
  return line.error && line.error->code() == ErrorCode::kOutOfRange;
}

OfflineScorer::OfflineScorer(StepScorer& scorer, OfflineOptions options, Emit emit)
    : scorer_(scorer), options_(options), emit_(std::move(emit)) {
  const int limit = scorer_.description().max_tokens;
  options_.max_tokens = options_.max_tokens > 0 ? std::min(options_.max_tokens, limit) : limit;
}

TraceTokens OfflineScorer::Tokenize(const Trace& trace) const {
  const bool cuts = options_.too_long == TooLong::kCut;
  const auto refuse = [&](int64_t count, const char* about) {
    throw Error(ErrorCode::kOutOfRange,
                StrCat("trace \"", trace.id, "\": ", about, count, " tokens, at most ",
                       options_.max_tokens, " are allowed"));
  };
  // Checked before tokenising, so that a far too long text does not cost it.
  const int64_t least = cuts ? 0 : MinTokens(scorer_.format(), scorer_.tokenizer(), trace);
  if (least > options_.max_tokens) refuse(least, "at least ");
  TraceTokens tokens = TokenizeTrace(scorer_.format(), scorer_.tokenizer(), trace);
  const int64_t count = int64_t(tokens.ids.size());
  if (count <= options_.max_tokens) return tokens;
  if (cuts) CutToFit(options_.max_tokens, &tokens);
  if (!cuts || tokens.step_reads.empty()) refuse(count, "");
  return tokens;
}

void OfflineScorer::Add(Trace trace) {
  Waiting waiting;
  TraceTokens tokens;
  try {
    tokens = Tokenize(trace);
  } catch (const Error& error) {
    waiting.error = error;
  }
  if (!waiting.error) {
    waiting.tokens = int(tokens.ids.size());
    if (!batch_.empty() && batch_tokens_ + waiting.tokens > options_.batch_tokens) Flush();
    batch_.push_back(std::move(tokens));
    batch_tokens_ += waiting.tokens;
  }
  waiting.trace = std::move(trace);
  waiting_.push_back(std::move(waiting));
}

// Scores traces one by one. A trace without finite scores gets none, and an error in waiting_.
std::vector<TraceScores> OfflineScorer::ScoreAlone() {
  std::vector<TraceScores> scores;
  size_t next = 0;
  for (Waiting& waiting : waiting_) {
    if (waiting.error) continue;
    try {
      scores.push_back(scorer_.Score({&batch_[next++], 1})[0]);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDataLoss) throw;
      waiting.error.emplace(error.code(),
                            StrCat("trace \"", waiting.trace.id, "\": ", error.what()));
    }
  }
  return scores;
}

void OfflineScorer::Flush() {
  std::vector<TraceScores> scores;
  try {
    if (!batch_.empty()) scores = scorer_.Score(batch_);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDataLoss) throw;
    scores = ScoreAlone();
  }
  size_t next = 0;
  for (Waiting& waiting : waiting_) {
    const std::string& id = waiting.trace.id;
    ScoreLine line = waiting.error ? MakeErrorLine(id, *waiting.error)
                                   : MakeScoreLine(id, std::move(scores[next++]),
                                                   scorer_.description().threshold);
    if (!waiting.error) line.tokens = waiting.tokens;
    emit_(waiting.trace, std::move(line));
  }
  waiting_.clear();
  batch_.clear();
  batch_tokens_ = 0;
}

}  // namespace prm
