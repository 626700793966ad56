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

// Returns NaN for traces that begin with '?', and then for all traces of their batch.
class NoNumberScorer : public FakeScorer {
 public:
  std::vector<TraceScores> Score(std::span<const TraceTokens> traces) override {
    for (const TraceTokens& trace : traces) {
      if (trace.ids[0] == '?') throw Error(ErrorCode::kDataLoss, "step 0: the score is nan");
    }
    return FakeScorer::Score(traces);
  }
};

std::vector<ScoreLine> ScoreAll(StepScorer& scorer, const std::vector<Trace>& traces,
                                const OfflineOptions& options = {}) {
  std::vector<ScoreLine> lines;
  OfflineScorer offline(scorer, options, [&](const Trace& trace, ScoreLine line) {
    EXPECT_EQ(trace.id, traces[lines.size()].id);
    EXPECT_EQ(line.id, trace.id);
    lines.push_back(std::move(line));
  });
  for (const Trace& trace : traces) offline.Add(trace);
  offline.Flush();
  return lines;
}

std::string ErrorOf(const ScoreLine& line) { return line.error ? line.error->what() : ""; }

TEST(OfflineScorer, ATraceWithoutNumbersHasAnErrorAndItsNeighboursHaveScores) {
  NoNumberScorer scorer;
  const std::vector<Trace> traces = {MakeTrace("a", "p", "x"), MakeTrace("empty", "p", " "),
                                     MakeTrace("b", "?", "x"), MakeTrace("c", "q", "yy")};
  const std::vector<ScoreLine> lines = ScoreAll(scorer, traces);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_THAT(ErrorOf(lines[1]), HasSubstr("empty"));
  EXPECT_EQ(ErrorOf(lines[2]), "trace \"b\": step 0: the score is nan");
  EXPECT_EQ(lines[2].tokens, 0);
  FakeScorer plain;
  for (const size_t i : {0, 3}) {
    EXPECT_FALSE(lines[i].error);
    EXPECT_TRUE(SameScores(lines[i].scores, ScoreAll(plain, {traces[i]})[0].scores));
  }
}

TEST(OfflineScorer, ACutTraceHasTheScoresOfTheStepsThatFit) {
  FakeScorer scorer;
  Trace trace = MakeTrace("long", "p", "first");
  trace.steps.push_back({std::string(3000, 'x'), {}, {}});
  const ScoreLine line = ScoreAll(scorer, {trace}, {.too_long = TooLong::kCut})[0];
  EXPECT_FALSE(line.error);
  EXPECT_EQ(line.scores.size(), 1u);
  trace.steps.erase(trace.steps.begin());
  EXPECT_TRUE(IsTooLong(ScoreAll(scorer, {trace}, {.too_long = TooLong::kCut})[0]));
}

TEST(OfflineScorer, ATraceFarTooLongIsRefusedBeforeItIsTokenised) {
  FakeScorer scorer;
  const auto& tokenizer = dynamic_cast<const ByteTokenizer&>(scorer.tokenizer());
  const int64_t before = tokenizer.encoded_bytes;
  const Trace trace = MakeTrace("long", "p", std::string(1 << 20, 'x'));
  for (const TooLong policy : {TooLong::kError, TooLong::kSkip}) {
    const ScoreLine line = ScoreAll(scorer, {trace}, {.too_long = policy})[0];
    EXPECT_TRUE(IsTooLong(line));
    EXPECT_EQ(ErrorOf(line), "trace \"long\": at least 1048577 tokens, at most 2048 are allowed");
  }
  EXPECT_EQ(tokenizer.encoded_bytes, before);
}

}  // namespace
}  // namespace prm
