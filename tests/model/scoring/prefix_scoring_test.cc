#include "model/scoring/prefix_scoring.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <random>
#include <set>

#include "data/error.h"
#include "model/decoder/checkpoint.h"
#include "model/ops/packed_linear.h"
#include "tests/error_of.h"
#include "tests/model/random_traces.h"
#include "tests/model/reference_decoder.h"

namespace prm {
namespace {

using testing::HasSubstr;

void ExpectEqual(const TraceScores& got, const TraceScores& expected, double tolerance) {
  ASSERT_EQ(got.p_correct.size(), expected.p_correct.size());
  for (size_t s = 0; s < got.p_correct.size(); ++s) {
    ASSERT_NEAR(got.p_correct[s], expected.p_correct[s], tolerance) << "step " << s;
    for (int k = 0; k < kNumLabels; ++k) {
      ASSERT_NEAR(got.label_probs[s][size_t(k)], expected.label_probs[s][size_t(k)], tolerance);
    }
  }
}

ModelConfig LongConfig(ModelConfig config) {
  config.max_position_embeddings = 1024;
  return config;
}

// Head sizes that the AVX512-BF16 kernels support.
ModelConfig WideConfig(ModelConfig config) {
  config.head_dim = 16;
  return config;
}

struct Kind {
  const char* name;
  ModelConfig config;
  torch::ScalarType dtype;
  int64_t blocks;
  int64_t chunk_rows;
};
std::string NameOf(const testing::TestParamInfo<Kind>& info) { return info.param.name; }

class PrefixScoringLaws : public testing::TestWithParam<Kind> {
 protected:
  PrefixScoringLaws()
      : decoder_(GetParam().config,
                 ForCompute(RandomWeights(GetParam().config, 1), GetParam().dtype, torch::kCPU)),
        scorer_(decoder_, head_,
                {.bytes = GetParam().blocks * PrefixScorer::BlockBytes(decoder_),
                 .chunk_rows = GetParam().chunk_rows}) {}
  double tolerance() const { return GetParam().dtype == torch::kFloat ? 1e-5 : 2e-2; }
  // Whole, step by step, with other traces, in other chunks, after evictions, on other threads.
  void ExpectBatchInvariance(ops::WeightFormat format);

  const Head head_;
  Decoder decoder_;
  PrefixScorer scorer_;
};
INSTANTIATE_TEST_SUITE_P(
    All, PrefixScoringLaws,
    testing::Values(
        Kind{"Float32", LongConfig(TinyDecoderConfig()), torch::kFloat, 200, 1024},
        Kind{"Float32InSmallChunks", LongConfig(TinyDecoderConfig()), torch::kFloat, 200, 37},
        Kind{"Float32InASmallCache", LongConfig(TinyDecoderConfig()), torch::kFloat, 12, 1024},
        Kind{"BFloat16", LongConfig(TinyDecoderConfig()), torch::kBFloat16, 200, 100},
        Kind{"BFloat16Wide", WideConfig(LongConfig(TinyDecoderConfig())), torch::kBFloat16, 30,
             100},
        Kind{"BFloat16AllThatFamiliesAdd", WideConfig(LongConfig(TinyEverythingConfig())),
             torch::kBFloat16, 30, 64},
        Kind{"AllThatFamiliesAdd", LongConfig(TinyEverythingConfig()), torch::kFloat, 30, 64}),
    NameOf);

TEST_P(PrefixScoringLaws, ScoresAreThoseOfWholeTracesInAnyOrderAndCompany) {
  RandomTraces traces(GetParam().config.vocab_size, 5);
  for (int round = 0; round < 40; ++round) {
    std::vector<TraceTokens> batch;
    for (size_t n = 1 + traces.Below(6); n > 0; --n) batch.push_back(traces.Next(400));
    const std::vector<TraceScores> scores = scorer_.Score(batch);
    const std::vector<TraceScores> whole = ScoreSteps(decoder_, head_, batch);
    ASSERT_EQ(scores.size(), batch.size());
    for (size_t b = 0; b < batch.size(); ++b) {
      SCOPED_TRACE(testing::Message() << "round " << round << ", trace " << b << " of "
                                      << batch[b].ids.size() << " tokens");
      ExpectEqual(scores[b], whole[b], tolerance());
      EXPECT_EQ(scores[b].tokens_computed + scores[b].tokens_reused, int64_t(batch[b].ids.size()));
    }
  }
}

void PrefixScoringLaws::ExpectBatchInvariance(ops::WeightFormat format) {
  if (GetParam().dtype != torch::kFloat &&
      !ops::PackedLinear::Takes(decoder_.weights().layers[0][LayerPart::kQkv])) {
    GTEST_SKIP() << "no batch-invariant bfloat16 products on this CPU";
  }
  DecoderWeights packed = decoder_.weights();
  PackWeights(Packing::kAll, &packed, format);
  decoder_.SetWeights(std::move(packed));
  const int threads = at::get_num_threads();
  RandomTraces traces(GetParam().config.vocab_size, 6);
  for (int round = 0; round < 15; ++round) {
    std::vector<TraceTokens> batch;
    for (size_t n = 1 + traces.Below(6); n > 0; --n) batch.push_back(traces.Next(400));
    at::set_num_threads(2);
    const std::vector<TraceScores> scores = scorer_.Score(batch);
    at::set_num_threads(1);
    for (size_t b = 0; b < batch.size(); ++b) {
      PrefixScorer fresh(decoder_, head_, {.bytes = 8 * PrefixScorer::BlockBytes(decoder_)});
      EXPECT_TRUE(SameScores(scores[b], fresh.Score({&batch[b], 1})[0])) << "round " << round;
    }
  }
  at::set_num_threads(threads);
}

TEST_P(PrefixScoringLaws, BatchInvariantScoresAreBitwiseThoseOfATraceAlone) {
  ExpectBatchInvariance(ops::WeightFormat::kAsStored);
}

TEST_P(PrefixScoringLaws, BatchInvariantScoresOfInt8WeightsAreBitwiseThoseOfATraceAlone) {
  ExpectBatchInvariance(ops::WeightFormat::kInt8);
}

class PrefixScoringTest : public testing::Test {
 protected:
  std::unique_ptr<PrefixScorer> Scorer(int64_t blocks) {
    return std::make_unique<PrefixScorer>(
        decoder_, head_, PrefixCacheOptions{.bytes = blocks * PrefixScorer::BlockBytes(decoder_)});
  }
  TraceTokens Trace(size_t tokens, std::vector<int32_t> reads) {
    TraceTokens trace{{}, std::move(reads)};
    for (size_t t = 0; t < tokens; ++t) trace.ids.push_back(TokenId(t * 7 % 40));
    return trace;
  }
  static TraceTokens Branch(TraceTokens trace, size_t from, TokenId other) {
    for (size_t t = from; t < trace.ids.size(); ++t) {
      trace.ids[t] = TokenId((trace.ids[t] + other) % 40);
    }
    return trace;
  }

  const Head head_;
  const ModelConfig config_ = LongConfig(TinyDecoderConfig());
  const Decoder decoder_{config_, RandomWeights(config_, 1)};
};

TEST_F(PrefixScoringTest, CandidatesOfAProblemComputeItOnce) {
  std::vector<TraceTokens> candidates;
  for (TokenId i = 1; i <= 5; ++i) candidates.push_back(Branch(Trace(150, {149}), 100, i));
  int64_t computed = 0;
  for (const TraceScores& score : Scorer(100)->Score(candidates)) computed += score.tokens_computed;
  EXPECT_EQ(computed, 100 + 5 * 50);
}

TEST_F(PrefixScoringTest, AnAppendComputesItsTokensAlone) {
  const auto scorer = Scorer(100);
  for (const size_t length : {30, 62, 94, 126, 300}) {
    const TraceTokens trace = Trace(length, {int32_t(length) - 1});
    const int64_t expected = scorer->TokensToCompute(trace);
    EXPECT_EQ(scorer->Score({&trace, 1})[0].tokens_computed, expected);
    EXPECT_EQ(scorer->TokensToCompute(trace), 0);
  }
}

TEST_F(PrefixScoringTest, WhatWasScoredCostsNothingAndIsTheSame) {
  const auto scorer = Scorer(100);
  const TraceTokens trace = Trace(130, {20, 70, 129});
  const TraceScores first = scorer->Score({&trace, 1})[0], again = scorer->Score({&trace, 1})[0];
  EXPECT_EQ(again.tokens_computed, 0);
  EXPECT_TRUE(SameScores(again, first));
}

TEST_F(PrefixScoringTest, AStepThatWasNotReadCostsOneToken) {
  const auto scorer = Scorer(100);
  const TraceTokens trace = Trace(130, {129}), all = Trace(130, {20, 129});
  scorer->Score({&trace, 1});
  const TraceScores again = scorer->Score({&all, 1})[0];
  EXPECT_EQ(again.tokens_computed, 1);
  ExpectEqual(again, ScoreSteps(decoder_, head_, {&all, 1})[0], 1e-5);
}

TEST_F(PrefixScoringTest, EqualTracesOfABatchAreComputedOnce) {
  const std::vector<TraceTokens> twice = {Trace(90, {50, 89}), Trace(90, {50, 89}),
                                          Branch(Trace(90, {50, 89}), 70, 3)};
  const auto scores = Scorer(100)->Score(twice);
  EXPECT_EQ(scores[1].tokens_computed, 0);
  EXPECT_TRUE(SameScores(scores[1], scores[0]));
  EXPECT_EQ(scores[2].tokens_computed, 20);
  EXPECT_EQ(scores[2].p_correct[0], scores[0].p_correct[0]);
}

TEST_F(PrefixScoringTest, ATraceWithoutReadsIsKeptForThoseThatContinueIt) {
  const auto scorer = Scorer(100);
  const TraceTokens prefix = Trace(100, {}), whole = Trace(140, {139});
  EXPECT_EQ(scorer->Score({&prefix, 1})[0].tokens_computed, 100);
  EXPECT_EQ(scorer->Score({&whole, 1})[0].tokens_computed, 40);
}

TEST_F(PrefixScoringTest, ABatchBeyondTheCacheIsScoredInParts) {
  const auto scorer = Scorer(6);  // 384 tokens
  std::vector<TraceTokens> batch;
  for (TokenId i = 0; i < 5; ++i) batch.push_back(Branch(Trace(200, {199}), 0, i));
  const auto scores = scorer->Score(batch);
  const auto whole = ScoreSteps(decoder_, head_, batch);
  for (size_t b = 0; b < batch.size(); ++b) ExpectEqual(scores[b], whole[b], 1e-5);
}

TEST_F(PrefixScoringTest, ATraceBeyondTheCacheIsRefusedNamingBothLengths) {
  const auto scorer = Scorer(3);
  const TraceTokens trace = Trace(193, {192});
  const std::string message = MessageOf(
      [&] {
        scorer->Score({&trace, 1});
      },
      ErrorCode::kInvalidArgument);
  EXPECT_THAT(message, HasSubstr("193 tokens"));
  EXPECT_THAT(message, HasSubstr("holds 192 tokens"));
  const TraceTokens fits = Trace(192, {191});
  EXPECT_EQ(scorer->Score({&fits, 1})[0].tokens_computed, 192);
}

TEST_F(PrefixScoringTest, ACacheOfNoBlockIsRefused) {
  EXPECT_THAT(MessageOf([&] { PrefixScorer(decoder_, head_, {.bytes = 100}); },
                        ErrorCode::kInvalidArgument),
              HasSubstr("100 bytes holds no block"));
}

TEST_F(PrefixScoringTest, AFailedBatchLeavesNothingBehind) {
  const auto scorer = Scorer(100);
  const TraceTokens good = Trace(80, {79});
  scorer->Score({&good, 1});
  TraceTokens bad = Trace(120, {119});
  bad.ids[100] = 1 << 20;  // no embedding
  EXPECT_THROW(scorer->Score({&bad, 1}), Error);
  EXPECT_EQ(scorer->TokensToCompute(Trace(120, {})), 40);
  const TraceTokens longer = Trace(120, {119});
  ExpectEqual(scorer->Score({&longer, 1})[0], ScoreSteps(decoder_, head_, {&longer, 1})[0], 1e-5);
}

// --- scores that are not finite
// --------------------------------------------------------------------

constexpr TokenId kDamaged = 7;

// A decoder whose embedding of kDamaged is NaN.
Decoder DamagedDecoder(const ModelConfig& config) {
  DecoderWeights weights = RandomWeights(config, 1);
  weights.embedding[kDamaged].fill_(NAN);
  return Decoder(config, ForCompute(weights, torch::kFloat, torch::kCPU));
}

// Ids `first`, `first` + 1, ..., with kDamaged at `damaged` unless -1; read at 40 and at the end.
TraceTokens CountingTrace(int length, TokenId first, int damaged = -1) {
  TraceTokens trace;
  for (int t = 0; t < length; ++t) trace.ids.push_back(8 + (first + t) % 40);
  if (damaged >= 0) trace.ids[size_t(damaged)] = kDamaged;
  trace.step_reads = {40, length - 1};
  return trace;
}

class DamagedScoring : public testing::Test {
 protected:
  const ModelConfig config_ = LongConfig(TinyDecoderConfig());
  const Head head_;
  const Decoder decoder_ = DamagedDecoder(config_);
  PrefixScorer scorer_{decoder_, head_, {.bytes = 200 * PrefixScorer::BlockBytes(decoder_)}};
  const TraceTokens good_ = CountingTrace(150, 0), bad_ = CountingTrace(190, 0, 100),
                    fine_ = CountingTrace(90, 20);
};

TEST_F(DamagedScoring, NamesTheTraceAndTheStepAndKeepsNothing) {
  const std::vector<TraceTokens> batch = {good_, bad_, fine_};
  const auto message = [&](const auto& score) { return MessageOf(score, ErrorCode::kDataLoss); };
  EXPECT_THAT(message([&] { scorer_.Score(batch); }),
              HasSubstr("trace 1 of the batch: step 1: the model's score is not finite"));
  for (const TraceTokens& trace : batch) {
    EXPECT_EQ(scorer_.TokensToCompute(trace), int64_t(trace.ids.size()));
  }
  EXPECT_THAT(message([&] { scorer_.Score({&bad_, 1}); }), testing::StartsWith("step 1: "));
}

TEST_F(DamagedScoring, NeighboursHaveTheirScoresAloneAndKeepWhatTheyHad) {
  scorer_.Score({&good_, 1});
  const std::vector<TraceTokens> batch = {fine_, bad_};
  EXPECT_THROW(scorer_.Score(batch), Error);
  EXPECT_THROW(scorer_.Score({&bad_, 1}), Error);
  EXPECT_EQ(scorer_.TokensToCompute(good_), 0);
  for (const TraceTokens& trace : {good_, fine_}) {
    ExpectEqual(scorer_.Score({&trace, 1})[0], ScoreSteps(decoder_, head_, {&trace, 1})[0], 1e-5);
  }
}

TEST_F(DamagedScoring, WhatEarlierChunksKeptOfItIsForgotten) {
  TraceTokens chunk = bad_;
  chunk.ids.resize(120);
  chunk.step_reads.clear();
  scorer_.Score({&chunk, 1});
  EXPECT_EQ(scorer_.TokensToCompute(bad_), 70);
  EXPECT_THROW(scorer_.Score({&bad_, 1}), Error);
  EXPECT_EQ(scorer_.TokensToCompute(bad_), 190);
}

}  // namespace
}  // namespace prm
