// Passes as graphs, under emulation: recorded work is run again on CPU tensors. This tests what a
// recording reads and writes; only a GPU can test the recording itself.
#include "tests/model/kernels/emulated_kernels.h"
// Include the emulation before everything else.
#include <gtest/gtest.h>
#include <torch/types.h>

#include "model/decoder/checkpoint.h"
#include "model/scoring/prefix_scoring.h"
#include "model/scoring/step_graphs.h"
#include "tests/model/random_traces.h"
#include "tests/model/reference_decoder.h"

namespace prm {
namespace {

class StepGraphsLaws : public testing::TestWithParam<ModelConfig> {
 protected:
  PrefixScorer Scorer(bool graphs, int64_t chunk_rows = 1024) const {
    return PrefixScorer(decoder_, head_,
                        {.bytes = 60 * PrefixScorer::BlockBytes(decoder_),
                         .chunk_rows = chunk_rows,
                         .graphs = graphs});
  }
  static Decoder MakeDecoder(const ModelConfig& config) {
    DecoderWeights weights = ForCompute(RandomWeights(config, 1), torch::kBFloat16, torch::kCPU);
    PackWeights(Packing::kAllCuda, &weights);
    return Decoder(config, std::move(weights));
  }
  // Rounds of small batches, scored by both; returns the number of replayed passes.
  int64_t ExpectEqualScores(int rounds, uint32_t seed) const {
    PrefixScorer plain = Scorer(false), graphed = Scorer(true);
    EXPECT_EQ(plain.graphs(), nullptr);
    RandomTraces traces(config_.vocab_size, seed);
    for (int round = 0; round < rounds; ++round) {
      std::vector<TraceTokens> batch;
      for (size_t n = 1 + traces.Below(3); n > 0; --n) batch.push_back(traces.Next(200, 12));
      const std::vector<TraceScores> expected = plain.Score(batch), got = graphed.Score(batch);
      for (size_t b = 0; b < batch.size(); ++b) {
        EXPECT_TRUE(SameScores(got[b], expected[b])) << "round " << round << ", trace " << b;
        EXPECT_EQ(got[b].tokens_computed, expected[b].tokens_computed);
      }
    }
    return graphed.graphs()->replays();
  }

  const ModelConfig config_ = ForKernels(GetParam());
  const Head head_;
  const Decoder decoder_ = MakeDecoder(config_);
};
INSTANTIATE_TEST_SUITE_P(All, StepGraphsLaws,
                         testing::Values(TinyDecoderConfig(), TinyEverythingConfig()),
                         [](const auto& info) { return info.index ? "Everything" : "Llama"; });

TEST_P(StepGraphsLaws, PlayedPassesGiveTheScoresOfPlainOnesBitwise) {
  const cuda::EmulatedKernels kernels;
  EXPECT_GT(ExpectEqualScores(25, 3), 12);
}

TEST_P(StepGraphsLaws, ABatchBeyondTheRoomsIsComputedPlainly) {
  const cuda::EmulatedKernels kernels;
  PrefixScorer scorer = Scorer(true);
  for (int first = 0; first < 2; ++first) {
    TraceTokens trace{std::vector<TokenId>(257, TokenId(first)), {256}};
    scorer.Score({&trace, 1});
  }
  EXPECT_EQ(scorer.graphs()->replays(), 0);
}

// A device whose recordings do something else.
class ForgetfulRecorder : public cuda::GraphRecorder {
  struct Nothing : cuda::Graph {
    void Replay() override {}
  };
  std::unique_ptr<cuda::Graph> Record(const std::function<void()>& work) override {
    work();
    return std::make_unique<Nothing>();
  }
};
// A device that cannot record.
class RefusingRecorder : public cuda::GraphRecorder {
  std::unique_ptr<cuda::Graph> Record(const std::function<void()>& work) override {
    work();
    TORCH_CHECK(false, "operation not permitted when stream is capturing");
  }
};

TEST_P(StepGraphsLaws, ARecordingThatGivesOtherScoresIsNotUsed) {
  const cuda::EmulatedKernels kernels([]() -> std::unique_ptr<cuda::GraphRecorder> {
    return std::make_unique<ForgetfulRecorder>();
  });
  EXPECT_EQ(ExpectEqualScores(8, 3), 0);
}

TEST_P(StepGraphsLaws, WhatCannotBeRecordedIsComputedPlainly) {
  const cuda::EmulatedKernels kernels([]() -> std::unique_ptr<cuda::GraphRecorder> {
    return std::make_unique<RefusingRecorder>();
  });
  EXPECT_EQ(ExpectEqualScores(8, 3), 0);
}

TEST(StepGraphs, NoneOnTheCpu) {
  const ModelConfig config = TinyDecoderConfig();
  const Decoder decoder(config, ForCompute(RandomWeights(config, 1), torch::kFloat, torch::kCPU));
  const PrefixScorer scorer(decoder, Head(), {.bytes = PrefixScorer::BlockBytes(decoder)});
  EXPECT_EQ(scorer.graphs(), nullptr);
}

}  // namespace
}  // namespace prm
