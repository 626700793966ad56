// Scoring a stream of traces in packed batches, in order.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "data/records/score_lines.h"
#include "model/step_scorer.h"

namespace prm {

struct OfflineOptions {
  int64_t batch_tokens = 4096;  // of one packed batch
  int max_tokens = 0;           // longest trace; 0: the model's limit
  // kError: the trace carries an error; kSkip: the same; kCut: the leading steps that fit.
  TooLong too_long = TooLong::kError;
};

// Whether a trace has no scores as it has too many tokens, also without its last steps under kCut.
bool IsTooLong(const ScoreLine& line);

// Holds one batch; lines go to `emit` in the order of Add. One thread.
class OfflineScorer {
 public:
  // A trace and its line, at the model's threshold: with fewer scores than steps under kCut.
  using Emit = std::function<void(const Trace& trace, ScoreLine line)>;

  OfflineScorer(StepScorer& scorer, OfflineOptions options, Emit emit);
  // Scores the waiting batch first when this trace does not fit it any more.
  void Add(Trace trace);
  // Scores what waits; call it at the end. A trace whose scores are no numbers carries an error.
  void Flush();

 private:
  struct Waiting {
    Trace trace;
    int tokens = 0;  // that are scored
    std::optional<Error> error;
  };

  TraceTokens Tokenize(const Trace& trace) const;
  std::vector<TraceScores> ScoreAlone();

  StepScorer& scorer_;
  OfflineOptions options_;
  Emit emit_;
  std::vector<Waiting> waiting_;
  std::vector<TraceTokens> batch_;  // of those that wait without an error
  int64_t batch_tokens_ = 0;
};

}  // namespace prm
