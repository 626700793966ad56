#include "data/scores.h"

#include <algorithm>
#include <utility>

namespace prm {

StepScore TraceScores::step(size_t index) const {
  StepScore step{p_correct[index], {}};
  if (!label_probs.empty()) step.label_probs = label_probs[index];
  return step;
}

void TraceScores::Add(const StepScore& step) {
  p_correct.push_back(step.p_correct);
  if (step.label_probs) label_probs.push_back(*step.label_probs);
}

bool SameScores(const TraceScores& a, const TraceScores& b) {
  return a.p_correct == b.p_correct && a.label_probs == b.label_probs;
}

TraceScores TraceScores::Of(std::vector<LabelProbs> label_probs) {
  TraceScores scores;
  for (const LabelProbs& p : label_probs) scores.p_correct.push_back(std::min(PCorrect(p), 1.0f));
  scores.label_probs = std::move(label_probs);
  return scores;
}

}  // namespace prm
