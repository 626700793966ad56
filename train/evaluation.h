// Scoring labelled traces with a decoder and judging the scores.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "model/decoder.h"
#include "train/examples.h"

namespace prm {

struct DevScores {
  double loss = 0.0;                 // marginal negative log-likelihood a labelled step, unweighted
  std::optional<double> step_auroc;  // nullopt: only one class among the labelled steps
  double brier = 0.0;                // of p_correct
};

// Steps whose admissible labels are neither all correct nor all wrong count in the loss only.
DevScores EvaluateExamples(const Decoder& decoder, std::span<const Example> examples,
                           int64_t batch_tokens);

}  // namespace prm
