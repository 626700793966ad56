// Marginal-likelihood loss over sets of admissible labels. Pure; no tensors.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "data/trace.h"

namespace prm {

// Advice in errors about a loss, gradient or score that is not finite.
inline constexpr const char* kNotFiniteAdvice =
    "expected a finite number: lower the learning rates, or look at the data of this step";

// The training target of one read position. If both are empty, the step does not count.
struct StepTarget {
  LabelSet labels;
  std::optional<float> soft;  // for p_correct (cross-entropy); used only if `labels` is empty
  bool counts() const { return !labels.empty() || soft.has_value(); }
};

struct LossOptions {
  // Weight of each label. A set has the weight of its lightest member; a soft target weighs 1.
  std::array<float, kNumLabels> class_weights = {1.0f, 1.0f, 2.0f, 2.0f};
};

double TargetWeight(const StepTarget& target, const LossOptions& options);

struct LossResult {
  double weighted_loss = 0.0;      // sum of weight * loss, not divided
  std::vector<float> grad_logits;  // [S * kNumLabels], gradient of weighted_loss * scale
};

// logits [S * kNumLabels]. The loss of a step with admissible set A is -log sum_{k in A} p_k.
// Source: Cour, Sapp & Taskar 2011, "Learning from Partial Labels", JMLR 12, section 3.
LossResult MarginalLoss(std::span<const float> logits, std::span<const StepTarget> targets,
                        const LossOptions& options, double scale);

}  // namespace prm
