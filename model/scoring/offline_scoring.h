// Scoring a stream of traces in packed batches, in order.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
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

// What became of one trace: the scores of its (leading, under kCut) steps, or why not.
struct OfflineResult {
  Trace trace;
  StepScores scores;   // empty with `error`
  int64_t tokens = 0;  // that were scored
  int dropped_steps = 0;
  std::optional<std::string> error;
  bool too_long = false;
};
// What `prm score` says of it.
ScoreLine ToScoreLine(OfflineResult result, double threshold);

// Holds one batch; results go to `emit` in the order of Add. One thread.
class OfflineScorer {
 public:
  OfflineScorer(StepScorer& scorer, OfflineOptions options,
                std::function<void(OfflineResult)> emit);
  // Scores the waiting batch first when this trace does not fit it any more.
  void Add(Trace trace);
  // Scores what waits; call it at the end. A trace whose scores are no numbers carries an error.
  void Flush();

 private:
  std::vector<TraceScore> ScoreAlone();

  StepScorer& scorer_;
  OfflineOptions options_;
  std::function<void(OfflineResult)> emit_;
  std::vector<OfflineResult> waiting_;
  std::vector<TraceTokens> batch_;  // of the waiting results without an error
  int64_t batch_tokens_ = 0;
};

}  // namespace prm
