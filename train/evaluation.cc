#include "train/evaluation.h"

#include <algorithm>
#include <cmath>

#include "data/error.h"
#include "data/metrics/metrics.h"
#include "model/decoder/checkpoint.h"
#include "model/scoring/batching.h"

namespace prm {

void CheckFinite(const TraceScores& scores, const std::string& where) {
  for (size_t s = 0; s < scores.p_correct.size(); ++s) {
    if (std::isfinite(scores.p_correct[s])) continue;
    throw Error(ErrorCode::kOutOfRange, StrCat(where, ", step ", s, ": the score is ",
                                               scores.p_correct[s], "; ", kNotFiniteAdvice));
  }
}

std::optional<DevScores> EvaluateExamples(const Decoder& decoder, std::span<const Example> examples,
                                          int64_t batch_tokens,
                                          const std::function<bool()>& stopped) {
  std::vector<TraceTokens> traces;
  std::vector<int64_t> lengths;
  for (const Example& e : examples) {
    traces.push_back(e.tokens);
    lengths.push_back(int64_t(e.tokens.ids.size()));
  }
  DevScores result;
  int64_t labelled = 0;
  std::vector<float> p_correct;
  std::vector<bool> correct;
  for (const BatchRange range : GroupByTokens(lengths, batch_tokens)) {
    if (stopped()) return std::nullopt;
    const std::vector<TraceScores> scores = ScoreSteps(
        decoder, Head(), std::span(traces).subspan(range.begin, range.end - range.begin));
    for (size_t b = range.begin; b < range.end; ++b) {
      CheckFinite(scores[b - range.begin], StrCat("trace \"", examples[b].id, "\""));
      for (size_t s = 0; s < examples[b].targets.size(); ++s) {
        const LabelSet set = examples[b].targets[s].labels;
        if (set.empty()) continue;
        const LabelProbs& p = scores[b - range.begin].label_probs[s];
        double mass = 0.0;
        for (int k = 0; k < kNumLabels; ++k) mass += set.contains(StepLabel(k)) ? p[k] : 0.0;
        result.loss -= std::log(std::max(mass, 1e-30));
        ++labelled;
        const bool all_correct = set.IsWithin(LabelSet::Correct());
        if (!all_correct && !set.IsWithin(LabelSet::Wrong())) continue;
        p_correct.push_back(PCorrect(p));
        correct.push_back(all_correct);
      }
    }
  }
  result.loss /= double(std::max<int64_t>(1, labelled));
  result.step_auroc = Auroc(p_correct, correct);
  result.brier = Brier(p_correct, correct).value_or(0.0);
  return result;
}

}  // namespace prm
