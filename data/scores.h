// A model's scores for the steps of a trace: plain structs. A row of a score file, with the trace's
// id, is a ScoreLine (data/records/score_lines.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "data/trace.h"

namespace prm {

// Score of one step.
struct StepScore {
  float p_correct = 0;                    // in [0, 1]
  std::optional<LabelProbs> label_probs;  // nullopt if the model has no labels
  friend bool operator==(const StepScore&, const StepScore&) = default;
};

// Scores of a trace's steps, and the cost of computing them.
struct TraceScores {
  std::vector<float> p_correct;         // [S] in [0, 1]
  std::vector<LabelProbs> label_probs;  // [S], or empty if the model has no labels
  // Tokens computed and tokens reused: those of a shared prefix with traces scored earlier or
  // placed before this one in its batch.
  int64_t tokens_computed = 0, tokens_reused = 0;

  size_t size() const { return p_correct.size(); }
  bool empty() const { return p_correct.empty(); }
  StepScore step(size_t index) const;
  void Add(const StepScore& step);
  // From label_probs [S]; p_correct is capped at 1, which softmax rounding may exceed.
  static TraceScores Of(std::vector<LabelProbs> label_probs);
};

// Whether the scores are bitwise equal, whatever they cost.
bool SameScores(const TraceScores& a, const TraceScores& b);

}  // namespace prm
