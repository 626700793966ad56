// Scores a stream of traces in packed batches, in order.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "data/records/score_lines.h"
#include "model/step_scorer.h"

namespace prm {

struct OfflineOptions {
  int64_t batch_tokens = 4096;  // per packed batch
  int max_tokens = 0;           // longest trace; 0: the model's limit
  // For longer traces. kError, kSkip: an error on the line; kCut: scores the first steps that fit.
  TooLong too_long = TooLong::kError;
};

// Whether a trace has no scores because it is too long; under kCut, even its first step is.
bool IsTooLong(const ScoreLine& line);

// Holds one batch of traces. Calls `emit` in the order of Add. One thread.
class OfflineScorer {
 public:
  // A trace and its line, at the model's threshold; under kCut maybe with fewer scores than steps.
  using Emit = std::function<void(const Trace& trace, ScoreLine line)>;

  OfflineScorer(StepScorer& scorer, OfflineOptions options, Emit emit);
  // Scores the waiting batch first if this trace no longer fits into it.
  void Add(Trace trace);
  // Scores the waiting batch; call it at the end. Traces without finite scores get an error.
  void Flush();

 private:
  struct Waiting {
    Trace trace;
    int tokens = 0;  // to be scored
    std::optional<Error> error;
  };

  TraceTokens Tokenize(const Trace& trace) const;
  std::vector<TraceScores> ScoreAlone();

  StepScorer& scorer_;
  OfflineOptions options_;
  Emit emit_;
  std::vector<Waiting> waiting_;
  std::vector<TraceTokens> batch_;  // the waiting traces without an error
  int64_t batch_tokens_ = 0;
};

}  // namespace prm
