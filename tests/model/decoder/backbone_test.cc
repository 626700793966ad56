// The decoder on the real backbone against published values.
#include "tests/model/backbone.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <nlohmann/json.hpp>

#include "data/io/text_io.h"
#include "model/decoder/checkpoint.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

torch::Tensor LastLogits(const Decoder& decoder, const std::vector<TokenId>& ids) {
  const TraceTokens trace{ids, {int32_t(ids.size()) - 1}};
  return decoder.VocabularyLogits(Pack({&trace, 1}))[0];
}

TEST(Backbone, LogitsAndGreedyIdsEqualThePublishedOnes) {
  PRM_NEED_BACKBONE();
  PRM_NEED_SHARED_DATA("model/smollm2_golden.json");
  const LoadedModel model = LoadModel(Backbone(), {.lm_head = true});
  const Decoder decoder(model.config, model.weights);
  const auto golden = nlohmann::json::parse(ReadFile(SharedData() / "model/smollm2_golden.json"));
  for (const auto& test : golden["cases"]) {
    std::vector<TokenId> ids;
    model.tokenizer->Encode(test["text"].get<std::string>(), SpecialTokens::kParse, &ids);
    ASSERT_EQ(ids, test["ids"].get<std::vector<TokenId>>());
    const torch::Tensor logits = LastLogits(decoder, ids);
    for (const auto& entry : test["top8"]) {
      EXPECT_NEAR(logits[entry[0].get<int64_t>()].item<float>(), entry[1].get<double>(), 1e-3);
    }
    for (const auto& expected : test["greedy_ids"]) {
      const auto next = TokenId(LastLogits(decoder, ids).argmax().item<int64_t>());
      EXPECT_EQ(next, expected.get<TokenId>());
      ids.push_back(next);
    }
  }
}

TEST(Backbone, ScoresDoNotDependOnBatchNorOnTheNumberFormatBeyondItsTolerance) {
  PRM_NEED_BACKBONE();
  LoadedModel model = LoadModel(Backbone());
  InitializeHead(&model.weights, 5);
  model.weights.head_weight.mul_(20);  // as confident as after some training
  const StepFormat format = NewlineFormat(*model.tokenizer, false);
  std::vector<TraceTokens> traces;
  for (const char* problem : {"Solve 3x + 6 = 15.", "What is 15% of 80?", "2 + 2?"}) {
    Trace trace;
    trace.problem = problem;
    trace.steps = {
        {"Move the constant to the other side.", {}, {}}, {"3x = 9", {}, {}}, {"x = 3", {}, {}}};
    traces.push_back(TokenizeTrace(format, *model.tokenizer, trace));
  }
  const Decoder exact(model.config, model.weights);
  const Decoder rounded(model.config, ForCompute(model.weights, torch::kBFloat16, torch::kCPU));
  const auto together = ScoreSteps(exact, Head(), traces),
             coarse = ScoreSteps(rounded, Head(), traces);
  for (size_t b = 0; b < traces.size(); ++b) {
    const auto alone = ScoreSteps(exact, Head(), {&traces[b], 1});
    for (size_t s = 0; s < alone[0].p_correct.size(); ++s) {
      for (int k = 0; k < kNumLabels; ++k) {
        EXPECT_NEAR(alone[0].label_probs[s][k], together[b].label_probs[s][k], 1e-5);
        EXPECT_NEAR(alone[0].label_probs[s][k], coarse[b].label_probs[s][k], 2e-2);
      }
    }
  }
}

}  // namespace
}  // namespace prm
