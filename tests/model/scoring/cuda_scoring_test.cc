// `--batch-invariant` on CUDA for the whole model, under emulation: TorchStepScorer as configured
// for a GPU, with CPU tensors.
#include "model/ops/packed_linear.h"
#include "tests/model/kernels/emulated_kernels.h"
// Include the emulation before everything else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "data/error.h"
#include "model/decoder/checkpoint.h"
#include "model/scoring/prefix_scoring.h"
#include "tests/error_of.h"
#include "tests/model/reference_decoder.h"

namespace prm {
namespace {

using testing::HasSubstr;

// Four outputs after a hidden layer, which is read with float32 products.
DecoderWeights WithHiddenLayer(DecoderWeights weights) {
  const int64_t width = weights.embedding.size(1);
  weights.head_hidden.push_back(
      {torch::randn({width, width}) / std::sqrt(width), torch::randn({width})});
  return weights;
}

TraceTokens Trace(int64_t tokens, int first, std::vector<int32_t> reads) {
  TraceTokens trace{{}, std::move(reads)};
  for (int64_t t = 0; t < tokens; ++t) trace.ids.push_back(TokenId((first + t * 7) % 50));
  return trace;
}
// Forks from `trace` at `from`.
TraceTokens Branch(const TraceTokens& trace, size_t from, int64_t tokens, int first) {
  TraceTokens branch = Trace(int64_t(from) + tokens, first, {int32_t(from) + int32_t(tokens) - 1});
  std::copy_n(trace.ids.begin(), from, branch.ids.begin());
  return branch;
}

class EmulatedScoring : public testing::TestWithParam<ModelConfig> {
 protected:
  PrefixScorer Scorer(int64_t chunk_rows) const {
    return PrefixScorer(
        decoder_, head_,
        {.bytes = 20 * PrefixScorer::BlockBytes(decoder_), .chunk_rows = chunk_rows});
  }
  static Decoder MakeDecoder(const ModelConfig& config, bool packed) {
    DecoderWeights weights =
        ForCompute(WithHiddenLayer(RandomWeights(config, 1)), torch::kBFloat16, torch::kCPU);
    if (packed) PackWeights(Packing::kAllCuda, &weights);
    return Decoder(config, std::move(weights));
  }

  const ModelConfig config_ = ForKernels(GetParam());
  const Head head_;
  const Decoder plain_ = MakeDecoder(config_, false);
  // Declared after plain_, which uses the CPU's attention.
  const cuda::EmulatedKernels kernels_;
  const Decoder decoder_ = MakeDecoder(config_, true);
};
INSTANTIATE_TEST_SUITE_P(All, EmulatedScoring,
                         testing::Values(TinyDecoderConfig(), TinyEverythingConfig()),
                         [](const auto& info) { return info.index ? "Everything" : "Llama"; });

TEST_P(EmulatedScoring, ScoresAreBitwiseThoseOfATraceAlone) {
  const TraceTokens trunk = Trace(100, 3, {20, 70, 99}), stranger = Trace(40, 11, {39});
  PrefixScorer scorer = Scorer(37);
  for (const std::vector<TraceTokens>& batch :
       {std::vector<TraceTokens>{trunk, stranger},
        {Branch(trunk, 100, 20, 5), Branch(trunk, 90, 9, 6), Branch(trunk, 64, 3, 7)},
        {Branch(stranger, 40, 1, 8), Branch(trunk, 71, 30, 9), trunk}}) {
    const std::vector<TraceScores> scores = scorer.Score(batch);
    for (size_t b = 0; b < batch.size(); ++b) {
      EXPECT_TRUE(SameScores(scores[b], Scorer(1024).Score({&batch[b], 1})[0]))
          << "a trace of " << batch[b].ids.size();
    }
  }
}

TEST_P(EmulatedScoring, ScoresAreThoseOfPlainProducts) {
  const TraceTokens trace = Trace(130, 3, {20, 70, 99, 129});
  const TraceScores scores = Scorer(1024).Score({&trace, 1})[0];
  cuda::EmulateOnCpu(nullptr);
  const TraceScores expected = ScoreSteps(plain_, head_, {&trace, 1})[0];
  ASSERT_EQ(scores.p_correct.size(), expected.p_correct.size());
  for (size_t s = 0; s < scores.p_correct.size(); ++s) {
    EXPECT_NEAR(scores.p_correct[s], expected.p_correct[s], 3e-2);
  }
}

TEST(CudaPacking, RefusesWhatTheKernelsDoNotMultiply) {
  const auto packing = [](const ModelConfig& config, torch::ScalarType dtype,
                          ops::WeightFormat format) {
    DecoderWeights weights = ForCompute(RandomWeights(config, 1), dtype, torch::kCPU);
    PackWeights(Packing::kAllCuda, &weights, format);
  };
  using enum ops::WeightFormat;
  const ModelConfig config = ForKernels(TinyDecoderConfig());
  EXPECT_THAT(MessageOf([&] { packing(config, torch::kFloat, kAsStored); }),
              HasSubstr("batch-invariant scores: no CUDA products for Float"));
  EXPECT_THAT(MessageOf([&] { packing(config, torch::kBFloat16, kInt8); }),
              HasSubstr("expected bfloat16 weights as stored"));
  ModelConfig odd = config;
  odd.intermediate_size = 42;
  EXPECT_THAT(MessageOf([&] { packing(odd, torch::kBFloat16, kAsStored); }),
              HasSubstr("no CUDA products for BFloat16 [84, 24]"));
}

}  // namespace
}  // namespace prm
