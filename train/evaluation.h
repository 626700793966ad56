// Scores labelled traces with a decoder and evaluates the scores.
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
  double loss = 0.0;  // marginal negative log-likelihood per labelled step, unweighted
  std::optional<double> step_auroc;  // nullopt if all labelled steps are of one class
  double brier = 0.0;                // of p_correct
};

// Steps whose admissible labels are neither all correct nor all wrong count only in the loss. Calls
// `stopped` before each batch and returns nullopt if it is true. Throws Error(kOutOfRange) naming
// trace and step if a probability is not finite.
std::optional<DevScores> EvaluateExamples(const Decoder& decoder, std::span<const Example> examples,
                                          int64_t batch_tokens,
                                          const std::function<bool()>& stopped);

// Throws Error(kOutOfRange) "`where`, step 2: ..." if a probability is not finite.
void CheckFinite(const TraceScores& scores, const std::string& where);

}  // namespace prm
