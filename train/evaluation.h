// Scoring labelled traces with a decoder and judging the scores.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "data/scores.h"
#include "model/decoder/decoder.h"
#include "train/examples.h"

namespace prm {

struct DevScores {
  double loss = 0.0;                 // marginal negative log-likelihood a labelled step, unweighted
  std::optional<double> step_auroc;  // nullopt: only one class among the labelled steps
  double brier = 0.0;                // of p_correct
};

// Steps whose admissible labels are neither all correct nor all wrong count in the loss only.
// `stopped` is asked before each batch; nullopt where it says yes. Throws Error(kOutOfRange) naming
// trace and step of a probability that is not finite.
std::optional<DevScores> EvaluateExamples(const Decoder& decoder, std::span<const Example> examples,
                                          int64_t batch_tokens,
                                          const std::function<bool()>& stopped);

// Throws Error(kOutOfRange) "`where`, step 2: ..." for a probability that is not finite.
void CheckFinite(const TraceScores& scores, const std::string& where);

}  // namespace prm
