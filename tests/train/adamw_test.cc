#include "train/adamw.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>

#include "data/error.h"
#include "tests/model/reference_decoder.h"

namespace prm {
namespace {

DecoderWeights RandomGrads(const DecoderWeights& like, uint64_t seed) {
  torch::manual_seed(seed);
  return like.Map([](const torch::Tensor& t, bool) { return torch::randn_like(t); });
}

TEST(AdamW, EqualsTheUpdateWrittenOut) {
  AdamWOptions options;
  options.lr = 1e-2;
  options.head_lr = 3e-2;
  options.weight_decay = 0.1;
  options.clip = 0.0;
  DecoderWeights weights = RandomWeights(TinyDecoderConfig(), 1);
  const DecoderWeights start = weights.Map([](const torch::Tensor& t, bool) { return t.clone(); });
  AdamW optimizer(weights, options);
  DecoderWeights grads = RandomGrads(weights, 2);
  const DecoderWeights kept = grads.Map([](const torch::Tensor& t, bool) { return t.clone(); });
  optimizer.Step(&weights, &grads, 0.5);
  // After one step the bias-corrected moments are g and g^2.
  const auto expect = [&](const torch::Tensor& from, const torch::Tensor& g, double lr,
                          double decay, const torch::Tensor& actual) {
    const auto expected = from * (1 - 0.5 * lr * decay) - 0.5 * lr * g / (g.abs() + options.eps);
    EXPECT_LT((expected - actual).abs().max().item<double>(), 1e-5);
  };
  expect(start.layers[1][LayerPart::kQkv], kept.layers[1][LayerPart::kQkv], 1e-2, 0.1,
         weights.layers[1][LayerPart::kQkv]);
  expect(start.layers[1][LayerPart::kMlpNorm], kept.layers[1][LayerPart::kMlpNorm], 1e-2, 0.0,
         weights.layers[1][LayerPart::kMlpNorm]);
  expect(start.embedding, kept.embedding, 1e-2, 0.0, weights.embedding);
  expect(start.head_weight, kept.head_weight, 3e-2, 0.0, weights.head_weight);
  EXPECT_EQ(grads.embedding.abs().max().item<float>(), 0.0f) << "gradients are zeroed";
}

TEST(AdamW, ClippingScalesTheGradientToTheLimit) {
  AdamWOptions options;
  options.clip = 1.0;
  options.weight_decay = 0.0;
  options.eps = 1e3;  // makes the update proportional to the gradient
  DecoderWeights weights = RandomWeights(TinyDecoderConfig(), 1);
  const auto start = weights.embedding.clone();
  AdamW optimizer(weights, options);
  DecoderWeights grads = RandomGrads(weights, 2);
  const auto g = grads.embedding.clone();
  const double norm = optimizer.Step(&weights, &grads, 1.0);
  EXPECT_GT(norm, 10.0);
  const auto expected = start - options.lr * (g / norm) / options.eps;
  EXPECT_LT(((expected - start) - (weights.embedding - start)).abs().max().item<double>(), 1e-7);
}

TEST(AdamW, ANonFiniteGradientIsAnErrorAndLeavesTheWeights) {
  DecoderWeights weights = RandomWeights(TinyDecoderConfig(), 1);
  const auto start = weights.embedding.clone();
  AdamW optimizer(weights, {});
  DecoderWeights grads = RandomGrads(weights, 2);
  grads.layers[0][LayerPart::kDown][0][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(optimizer.Step(&weights, &grads, 1.0), Error);
  EXPECT_TRUE(torch::equal(start, weights.embedding));
}

}  // namespace
}  // namespace prm
