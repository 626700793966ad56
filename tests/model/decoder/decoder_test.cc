#include "model/decoder/decoder.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "model/decoder/checkpoint.h"
#include "tests/model/reference_decoder.h"

namespace prm {
namespace {

std::vector<TraceTokens> RaggedTraces() {
  return {{{3, 14, 15, 9, 26, 5}, {2, 5}},
          {{35}, {0}},
          {{8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6, 4, 3, 3, 8, 3, 2, 7, 9, 5}, {4, 9, 20}},
          {{28, 8, 4, 19, 7, 1, 6, 9, 39, 9}, {9}}};
}

torch::Tensor ReferenceOf(const ModelConfig& config, const DecoderWeights& weights,
                          const std::vector<TraceTokens>& traces) {
  std::vector<torch::Tensor> logits;
  for (const TraceTokens& t : traces) logits.push_back(ReferenceStepLogits(config, weights, t));
  return torch::cat(logits);
}

double MaxDifference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

// Compares logits with the reference, and every gradient with autograd.
void ExpectGradientsOfAutograd(const ModelConfig& config, const DecoderWeights& weights) {
  const auto traces = RaggedTraces();
  const DecoderWeights leaves =
      weights.Map([](const torch::Tensor& t, bool) { return t.clone().requires_grad_(true); });
  const torch::Tensor expected_logits = ReferenceOf(config, leaves, traces);
  const torch::Tensor grad_logits = torch::randn(expected_logits.sizes());
  expected_logits.backward(grad_logits);

  const Decoder decoder(config, weights);
  DecoderWeights grads =
      weights.Map([](const torch::Tensor& t, bool) { return torch::zeros_like(t); });
  Activations kept;
  const PackedBatch batch = Pack(traces);
  EXPECT_LT(MaxDifference(decoder.StepLogits(batch, &kept), expected_logits.detach()), 2e-5);
  decoder.Backward(batch, grad_logits, std::move(kept), &grads);

  const auto expected = leaves.Trained(), actual = grads.Trained();
  ASSERT_EQ(expected.size(), actual.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const double scale = expected[i].grad().abs().max().item<double>();
    EXPECT_LT(MaxDifference(expected[i].grad(), actual[i]), 2e-5 * std::max(1.0, scale))
        << "tensor " << i << " " << expected[i].sizes();
  }
}

class DecoderLayouts : public testing::TestWithParam<RotaryLayout> {};
INSTANTIATE_TEST_SUITE_P(Both, DecoderLayouts,
                         testing::Values(RotaryLayout::kHalf, RotaryLayout::kInterleaved));

TEST_P(DecoderLayouts, PackedLogitsEqualTheReferenceOfEachTraceAlone) {
  ModelConfig config = TinyDecoderConfig();
  config.rotary_layout = GetParam();
  const DecoderWeights weights = RandomWeights(config, 1);
  const auto traces = RaggedTraces();
  const Decoder decoder(config, weights);
  EXPECT_LT(MaxDifference(decoder.StepLogits(Pack(traces)), ReferenceOf(config, weights, traces)),
            2e-5);
}

TEST(Decoder, BackwardEqualsAutograd) {
  const ModelConfig config = TinyDecoderConfig();
  ExpectGradientsOfAutograd(config, RandomWeights(config, 2));
}

TEST(Decoder, BackwardEqualsAutogradWithAllThatFamiliesAdd) {
  const ModelConfig config = TinyEverythingConfig();
  ExpectGradientsOfAutograd(config, RandomWeights(config, 7));
}

TEST(Decoder, ConvertingToHalfLayoutKeepsTheLogits) {
  ModelConfig config = TinyDecoderConfig();
  config.rotary_layout = RotaryLayout::kInterleaved;
  DecoderWeights weights = RandomWeights(config, 3);
  const PackedBatch batch = Pack(RaggedTraces());
  const torch::Tensor before = Decoder(config, weights).StepLogits(batch);
  for (LayerWeights& layer : weights.layers) ConvertToHalfLayout(config, &layer);
  config.rotary_layout = RotaryLayout::kHalf;
  EXPECT_LT(MaxDifference(before, Decoder(config, weights).StepLogits(batch)), 2e-5);
}

TEST(Decoder, ScoresDoNotDependOnBatch) {
  const ModelConfig config = TinyDecoderConfig();
  const Decoder decoder(config, RandomWeights(config, 4));
  const auto traces = RaggedTraces();
  const auto together = ScoreSteps(decoder, Head(), traces);
  for (size_t b = 0; b < traces.size(); ++b) {
    const auto alone = ScoreSteps(decoder, Head(), {&traces[b], 1});
    for (size_t s = 0; s < alone[0].p_correct.size(); ++s) {
      for (int k = 0; k < kNumLabels; ++k)
        EXPECT_NEAR(alone[0].label_probs[s][k], together[b].label_probs[s][k], 1e-5);
    }
  }
}

TEST(Decoder, LaterStepsDoNotChangeEarlierScores) {
  const ModelConfig config = TinyDecoderConfig();
  const Decoder decoder(config, RandomWeights(config, 5));
  const TraceTokens whole = RaggedTraces()[2];
  TraceTokens prefix = whole;
  prefix.ids.resize(10);
  prefix.step_reads.resize(2);
  const auto a = ScoreSteps(decoder, Head(), {&whole, 1}),
             b = ScoreSteps(decoder, Head(), {&prefix, 1});
  for (int s = 0; s < 2; ++s) {
    for (int k = 0; k < kNumLabels; ++k)
      EXPECT_NEAR(a[0].label_probs[s][k], b[0].label_probs[s][k], 1e-5);
  }
}

TEST(Decoder, BFloat16StaysWithinTheServingTolerance) {
  const ModelConfig config = TinyDecoderConfig();
  const DecoderWeights weights = RandomWeights(config, 6);
  const auto traces = RaggedTraces();
  const auto exact = ScoreSteps(Decoder(config, weights), Head(), traces);
  const auto rounded = ScoreSteps(
      Decoder(config, ForCompute(weights, torch::kBFloat16, torch::kCPU)), Head(), traces);
  for (size_t b = 0; b < traces.size(); ++b) {
    for (size_t s = 0; s < exact[b].p_correct.size(); ++s) {
      for (int k = 0; k < kNumLabels; ++k)
        EXPECT_NEAR(exact[b].label_probs[s][k], rounded[b].label_probs[s][k], 2e-2);
    }
  }
}

}  // namespace
}  // namespace prm
