// What a model gives for the steps of a trace: plain structs. A row of a score file, with the
// trace's id, is a ScoreLine (data/records/score_lines.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "data/trace.h"

namespace prm {

// One step.
struct StepScore {
  float p_correct = 0;                    // in [0, 1]
  std::optional<LabelProbs> label_probs;  // nullopt where the model does not know the labels
  friend bool operator==(const StepScore&, const StepScore&) = default;
};

// The steps of one trace, and what it cost to score them.
struct TraceScores {
  std::vector<float> p_correct;         // [S] in [0, 1]
  std::vector<LabelProbs> label_probs;  // [S], or empty where the model does not know the labels
  // Tokens computed, and tokens reused: those of traces that were scored earlier or stand before
  // this one in its batch, and begin alike.
  int64_t tokens_computed = 0, tokens_reused = 0;

  size_t size() const { return p_correct.size(); }
  bool empty() const { return p_correct.empty(); }
  StepScore step(size_t index) const;
  void Add(const StepScore& step);
  // Of label_probs [S]; p_correct is at most 1, which the softmax's own rounding may exceed.
  static TraceScores Of(std::vector<LabelProbs> label_probs);
};

// Whether the scores are equal to the last bit, whatever they cost.
bool SameScores(const TraceScores& a, const TraceScores& b);

}  // namespace prm
