#include "train/evaluation.h"

#include <algorithm>
#include <cmath>

#include "model/batching.h"
#include "model/checkpoint.h"

namespace prm {
namespace {

bool AllIn(LabelSet set, LabelSet of) { return !set.empty() && (set.bits() & ~of.bits()) == 0; }

}  // namespace

DevScores EvaluateExamples(const Decoder& decoder, std::span<const Example> examples,
                           int64_t batch_tokens) {
  std::vector<TraceTokens> traces;
  std::vector<int64_t> lengths;
  for (const Example& e : examples) {
    traces.push_back(e.tokens);
    lengths.push_back(int64_t(e.tokens.ids.size()));
  }
  DevScores result;
  int64_t labelled = 0;
  std::vector<std::pair<double, bool>> judged;  // p_correct, is correct
  for (const BatchRange range : GroupByTokens(lengths, batch_tokens)) {
    const auto probs =
        StepProbabilities(decoder, std::span(traces).subspan(range.begin, range.end - range.begin));
    for (size_t b = range.begin; b < range.end; ++b) {
      for (size_t s = 0; s < examples[b].targets.size(); ++s) {
        const LabelSet set = examples[b].targets[s].labels;
        if (set.empty()) continue;
        const LabelProbs& p = probs[b - range.begin][s];
        double mass = 0.0;
        for (int k = 0; k < kNumLabels; ++k) mass += set.contains(StepLabel(k)) ? p[k] : 0.0;
        result.loss -= std::log(std::max(mass, 1e-30));
        ++labelled;
        const bool correct = AllIn(set, LabelSet::Correct());
        if (correct || AllIn(set, LabelSet::Wrong())) judged.push_back({PCorrect(p), correct});
      }
    }
  }
  result.loss /= double(std::max<int64_t>(1, labelled));
  for (const auto& [p, correct] : judged) {
    result.brier += std::pow(p - double(correct), 2) / double(judged.size());
  }
  std::sort(judged.begin(), judged.end());
  double ranks = 0, positives = 0;
  for (size_t i = 0; i < judged.size();) {
    size_t j = i;
    while (j < judged.size() && judged[j].first == judged[i].first) ++j;
    for (size_t k = i; k < j; ++k)
      if (judged[k].second) ranks += (double(i + 1) + double(j)) / 2, ++positives;
    i = j;
  }
  const double negatives = double(judged.size()) - positives;
  if (positives > 0 && negatives > 0)
    result.step_auroc = (ranks - positives * (positives + 1) / 2) / (positives * negatives);
  return result;
}

}  // namespace prm
