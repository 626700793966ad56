#include "train/loss.h"

#include <algorithm>
#include <cmath>

#include "data/error.h"

namespace prm {
namespace {

using Distribution = std::array<double, kNumLabels>;

Distribution Softmax(const float* logits) {
  const double top = *std::max_element(logits, logits + kNumLabels);
  Distribution p;
  double sum = 0.0;
  for (int k = 0; k < kNumLabels; ++k) sum += p[k] = std::exp(logits[k] - top);
  for (double& value : p) value /= sum;
  return p;
}

double MassOf(const Distribution& p, LabelSet set) {
  double mass = 0.0;
  for (int k = 0; k < kNumLabels; ++k) {
    if (set.contains(StepLabel(k))) mass += p[k];
  }
  return mass;
}

constexpr double kTiny = 1e-30;  // if exp underflows, keeps the loss finite and the gradient full

// Adds weight * d(-log mass of `set`)/d(logits) to grad and returns the loss.
double AddSetLoss(const Distribution& p, LabelSet set, double weight, float* grad) {
  const double mass = std::max(MassOf(p, set), kTiny);
  for (int k = 0; k < kNumLabels; ++k) {
    const double posterior = set.contains(StepLabel(k)) ? p[k] / mass : 0.0;
    grad[k] += float(weight * (p[k] - posterior));
  }
  return -std::log(mass);
}

}  // namespace

double TargetWeight(const StepTarget& target, const LossOptions& options) {
  if (target.labels.empty()) return target.soft ? 1.0 : 0.0;
  float weight = std::numeric_limits<float>::infinity();
  for (int k = 0; k < kNumLabels; ++k) {
    if (target.labels.contains(StepLabel(k))) weight = std::min(weight, options.class_weights[k]);
  }
  return weight;
}

LossResult MarginalLoss(std::span<const float> logits, std::span<const StepTarget> targets,
                        const LossOptions& options, double scale) {
  if (logits.size() != targets.size() * kNumLabels) {
    throw Error(ErrorCode::kInternal,
                StrCat("loss: ", logits.size(), " logits for ", targets.size(), " steps"));
  }
  LossResult result;
  result.grad_logits.assign(logits.size(), 0.0f);
  for (size_t s = 0; s < targets.size(); ++s) {
    if (!targets[s].counts()) continue;
    const Distribution p = Softmax(&logits[s * kNumLabels]);
    float* grad = &result.grad_logits[s * kNumLabels];
    const double weight = TargetWeight(targets[s], options);
    if (!targets[s].labels.empty()) {
      result.weighted_loss += weight * AddSetLoss(p, targets[s].labels, weight * scale, grad);
      continue;
    }
    const double soft = *targets[s].soft;
    result.weighted_loss += soft * AddSetLoss(p, LabelSet::Correct(), soft * scale, grad);
    result.weighted_loss += (1 - soft) * AddSetLoss(p, LabelSet::Wrong(), (1 - soft) * scale, grad);
  }
  return result;
}

}  // namespace prm
