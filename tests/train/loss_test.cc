#include "train/loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "data/error.h"

namespace prm {
namespace {

const std::vector<float> kLogits = {0.3f, -1.2f, 0.8f, 0.1f};

double LossAt(std::vector<float> logits, const StepTarget& target, const LossOptions& options) {
  return MarginalLoss(logits, {&target, 1}, options, 1.0).weighted_loss;
}

void ExpectGradientMatchesDifferences(const StepTarget& target, const LossOptions& options) {
  const auto result = MarginalLoss(kLogits, {&target, 1}, options, 0.5);
  for (int k = 0; k < kNumLabels; ++k) {
    std::vector<float> up = kLogits, down = kLogits;
    up[k] += 1e-3f;
    down[k] -= 1e-3f;
    const double slope = (LossAt(up, target, options) - LossAt(down, target, options)) / 2e-3;
    EXPECT_NEAR(result.grad_logits[k], 0.5 * slope, 2e-4) << "logit " << k;
  }
}

TEST(MarginalLoss, GradientMatchesDifferencesForKnownSetAndSoftTargets) {
  LossOptions options;
  options.class_weights = {1.0f, 1.5f, 2.0f, 3.0f};
  ExpectGradientMatchesDifferences({LabelSet(StepLabel::kIncomplete), {}}, options);
  ExpectGradientMatchesDifferences({LabelSet::Correct(), {}}, options);
  ExpectGradientMatchesDifferences({LabelSet::Wrong(), {}}, options);
  ExpectGradientMatchesDifferences({{}, 0.7f}, options);
}

TEST(MarginalLoss, SetOfOneIsCrossEntropyAndUnlabelledStepsCountNothing) {
  LossOptions options;
  options.class_weights = {1, 1, 1, 1};
  double sum = 0.0;
  for (float logit : kLogits) sum += std::exp(logit);
  EXPECT_NEAR(LossAt(kLogits, {LabelSet(StepLabel::kIncorrect), {}}, options),
              std::log(sum) - kLogits[2], 1e-6);
  const auto nothing = MarginalLoss(kLogits, std::vector<StepTarget>(1), options, 1.0);
  EXPECT_EQ(nothing.weighted_loss, 0.0);
  EXPECT_EQ(nothing.grad_logits, std::vector<float>(4, 0.0f));
}

TEST(MarginalLoss, StaysFiniteWhereProbabilitiesUnderflow) {
  const StepTarget target{LabelSet(StepLabel::kIncomplete), {}};
  const std::vector<float> extreme = {2000.0f, 0.0f, 0.0f, -2000.0f};
  const auto result = MarginalLoss(extreme, {&target, 1}, {}, 1.0);
  EXPECT_TRUE(std::isfinite(result.weighted_loss));
  for (float g : result.grad_logits) EXPECT_TRUE(std::isfinite(g));
}

TEST(MarginalLoss, ASetWeighsAsItsLightestMember) {
  LossOptions options;
  options.class_weights = {1.0f, 4.0f, 2.0f, 3.0f};
  EXPECT_EQ(TargetWeight({LabelSet::Correct(), {}}, options), 1.0);
  EXPECT_EQ(TargetWeight({LabelSet::Wrong(), {}}, options), 2.0);
  EXPECT_EQ(TargetWeight({LabelSet(StepLabel::kCorrectRedundant), {}}, options), 4.0);
  EXPECT_EQ(TargetWeight({{}, 0.3f}, options), 1.0);
  EXPECT_EQ(TargetWeight({}, options), 0.0);
}

TEST(MarginalLoss, RefusesLogitsThatDoNotFitTheSteps) {
  EXPECT_THROW(MarginalLoss(kLogits, std::vector<StepTarget>(2), {}, 1.0), Error);
}

}  // namespace
}  // namespace prm
