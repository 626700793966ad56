#include "model/scoring/offline_scoring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/error_of.h"
#include "tests/serve/fake_scorer.h"

namespace prm {
namespace {

using testing::HasSubstr;

Trace MakeTrace(const std::string& id, const std::string& problem, const std::string& step) {
  Trace trace;
  trace.id = id;
  trace.problem = problem;
  trace.steps.push_back({step, {}, {}});
  return trace;
}

// Gives no numbers for traces that begin with '?', and then for all that share their batch.
class NoNumberScorer : public FakeScorer {
 public:
  std::vector<TraceScore> Score(std::span<const TraceTokens> traces) override {
    for (const TraceTokens& trace : traces) {
      if (trace.ids[0] == '?') throw Error(ErrorCode::kDataLoss, "step 0: the score is nan");
    }
    return FakeScorer::Score(traces);
  }
};

std::vector<OfflineResult> ScoreAll(StepScorer& scorer, const std::vector<Trace>& traces,
                                    const OfflineOptions& options = {}) {
  std::vector<OfflineResult> results;
  OfflineScorer offline(scorer, options,
                        [&](OfflineResult result) { results.push_back(std::move(result)); });
  for (const Trace& trace : traces) offline.Add(trace);
  offline.Flush();
  return results;
}

TEST(OfflineScorer, ATraceWithoutNumbersHasAnErrorAndItsNeighboursHaveScores) {
  NoNumberScorer scorer;
  const std::vector<OfflineResult> results =
      ScoreAll(scorer, {MakeTrace("a", "p", "x"), MakeTrace("empty", "p", " "),
                        MakeTrace("b", "?", "x"), MakeTrace("c", "q", "yy")});
  ASSERT_EQ(results.size(), 4u);
  EXPECT_THAT(results[1].error.value_or(""), HasSubstr("empty"));
  EXPECT_EQ(results[2].error, "trace \"b\": step 0: the score is nan");
  EXPECT_EQ(results[2].tokens, 0);
  FakeScorer plain;
  for (const size_t i : {0, 3}) {
    EXPECT_FALSE(results[i].error);
    EXPECT_EQ(results[i].scores, ScoreAll(plain, {results[i].trace})[0].scores);
  }
}

TEST(OfflineScorer, ATraceFarTooLongIsRefusedBeforeItIsTokenised) {
  FakeScorer scorer;
  const auto& tokenizer = dynamic_cast<const ByteTokenizer&>(scorer.tokenizer());
  const int64_t before = tokenizer.encoded_bytes;
  const Trace trace = MakeTrace("long", "p", std::string(1 << 20, 'x'));
  for (const TooLong policy : {TooLong::kError, TooLong::kSkip}) {
    const OfflineResult result = ScoreAll(scorer, {trace}, {.too_long = policy})[0];
    EXPECT_TRUE(result.too_long);
    EXPECT_EQ(result.error, "trace \"long\": at least 1048577 tokens, at most 2048 are allowed");
  }
  EXPECT_EQ(tokenizer.encoded_bytes, before);
}

}  // namespace
}  // namespace prm
