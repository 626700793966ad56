#include "data/records/score_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "data/error.h"
#include "data/io/text_io.h"
#include "data/metrics/aggregates.h"
#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::AllOf;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const TraceScores kTwoSteps =
    TraceScores::Of({{0.7f, 0.2f, 0.06f, 0.04f}, {0.1f, 0.3f, 0.5f, 0.1f}});

Error Invalid(const std::string& text) { return Error(ErrorCode::kInvalidArgument, text); }

std::string TextOf(const std::optional<Error>& error) { return error ? error->what() : "none"; }

void ExpectEqual(const ScoreLine& a, const ScoreLine& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_TRUE(SameScores(a.scores, b.scores));
  EXPECT_EQ(a.aggregate, b.aggregate);
  EXPECT_EQ(a.first_error, b.first_error);
  EXPECT_EQ(TextOf(a.error), TextOf(b.error));
}

std::string Refusal(std::string_view json) {
  return MessageOf([&] { ParseScoreLine(json, "s.jsonl:3"); }, ErrorCode::kInvalidArgument);
}

TEST(ScoreLines, AggregatesFollowTheirFormulas) {
  const std::vector<float> p = {0.5f, 0.25f, 0.75f};
  const Aggregates result = Aggregate(p);
  EXPECT_EQ(result.min, 0.25);
  EXPECT_EQ(result.product, 0.5 * 0.25 * 0.75);
  EXPECT_EQ(result.last, 0.75);
  EXPECT_EQ(result.mean, 0.5);
  EXPECT_EQ(result[AggregateKind::kMin], result.min);
  EXPECT_EQ(result[AggregateKind::kProduct], result.product);
  EXPECT_EQ(result[AggregateKind::kLast], result.last);
  EXPECT_EQ(result[AggregateKind::kMean], result.mean);
}

TEST(ScoreLines, NoStepsHaveNoAggregate) { EXPECT_THROW(Aggregate({}), Error); }

TEST(ScoreLines, AggregateNamesReadBack) {
  for (int kind = 0; kind < kNumAggregates; ++kind) {
    EXPECT_EQ(ParseAggregateKind(kAggregateNames[size_t(kind)]), AggregateKind(kind));
  }
  EXPECT_EQ(ParseAggregateKind("median"), std::nullopt);
}

TEST(ScoreLines, ScoreIsProbabilityOfBothCorrectLabels) {
  const ScoreLine line = MakeScoreLine("p17/2", kTwoSteps, 0.5);
  EXPECT_THAT(line.scores.p_correct, ElementsAre(0.7f + 0.2f, 0.1f + 0.3f));
  EXPECT_EQ(line.first_error, 1);
  EXPECT_EQ(MakeScoreLine("p17/2", kTwoSteps, 0.95).first_error, 0);
  EXPECT_EQ(MakeScoreLine("p17/2", kTwoSteps, 0.3).first_error, std::nullopt);
}

TEST(ScoreLines, RoundingOfSoftmaxNeverCarriesAScoreBeyondOne) {
  const float above_half = std::nextafter(0.5f, 1.0f);
  const ScoreLine line =
      MakeScoreLine("a", TraceScores::Of({LabelProbs{above_half, above_half, 0, 0}}), 0.5);
  EXPECT_THAT(line.scores.p_correct, ElementsAre(1.0f));
}

TEST(ScoreLines, ScoreThatIsNoProbabilityIsAnErrorNamingItsStep) {
  const TraceScores scores = {{0.5f, std::numeric_limits<float>::quiet_NaN()}, {}};
  EXPECT_THAT(MessageOf([&] { MakeScoreLine("p3", scores, 0.5); }),
              AllOf(HasSubstr("p3"), HasSubstr("step 1")));
  EXPECT_THROW(MakeScoreLine("p3", TraceScores{{}, {}}, 0.5), Error);
}

// Users have such files, so not a byte may change.
TEST(ScoreLines, AreWrittenAsTheyAlwaysWereByteForByte) {
  EXPECT_EQ(ScoreLineToJson(MakeScoreLine("p", TraceScores::Of({{0.5f, 0.25f, 0.25f, 0}}), 0.5)),
            R"({"id":"p","scores":[0.75],"label_probs":[[0.5,0.25,0.25,0]],)"
            R"("aggregate":{"min":0.75,"product":0.75,"last":0.75,"mean":0.75},"first_error":-1})");
  TraceScores scores{{0.9f, 0.1f, 1}, {}, 7, 3};
  ScoreLine line = MakeScoreLine("π\n1", scores, 0.5);
  line.tokens = 10;
  EXPECT_EQ(ScoreLineToJson(line),
            R"({"id":"π\n1","scores":[0.9,0.1,1],)"
            R"("aggregate":{"min":0.10000000149011612,"product":0.08999999895691868,"last":1,)"
            R"("mean":0.666666659216086},"first_error":1})");
  EXPECT_EQ(ScoreLineToJson(MakeErrorLine("p\"", Error(ErrorCode::kOutOfRange, "too long"))),
            R"({"id":"p\"","error":"too long"})");
}

TEST(ScoreLines, NoFirstErrorIsMinusOneInFiles) {
  EXPECT_EQ(ParseScoreLine(R"({"id":"a","scores":[0.1],"first_error":-1})", "x:1").first_error,
            std::nullopt);
  EXPECT_EQ(ParseScoreLine(R"({"id":"a","scores":[0.9]})", "x:1").first_error, std::nullopt);
}

TEST(ScoreLines, LinesReadBackBitForBit) {
  for (const ScoreLine& line : {MakeScoreLine("π/1", kTwoSteps, 0.5),
                                MakeScoreLine("b", TraceScores{{0.1f, 1.0f / 3, 1e-12f}, {}}, 0.5),
                                MakeErrorLine("c", Invalid("step 3: \"ки\" is\nodd"))}) {
    ExpectEqual(ParseScoreLine(ScoreLineToJson(line), "here"), line);
  }
}

TEST(ScoreLines, AbsentFieldsAreDerived) {
  const ScoreLine from_scores = ParseScoreLine(R"({"id":"a","scores":[0.9,0.4]})", "x:1");
  EXPECT_EQ(from_scores.first_error, 1);
  EXPECT_THAT(from_scores.aggregate.product, DoubleNear(0.36, 1e-7));
  EXPECT_TRUE(from_scores.scores.label_probs.empty());
  const ScoreLine from_probs =
      ParseScoreLine(R"({"id":"a","scores":null,"label_probs":[[0.5,0.25,0.25,0]]})", "x:1");
  EXPECT_THAT(from_probs.scores.p_correct, ElementsAre(0.75f));
}

TEST(ScoreLines, GivenFirstErrorAndAggregateAreKept) {
  const ScoreLine line =
      ParseScoreLine(R"({"id":"a","scores":[0.9,0.4],"first_error":0,)"
                     R"("aggregate":{"min":0.1,"product":0.2,"last":0.3,"mean":0.4}})",
                     "x:1");
  EXPECT_EQ(line.first_error, 0);
  EXPECT_EQ(line.aggregate, (Aggregates{0.1, 0.2, 0.3, 0.4}));
}

TEST(ScoreLines, RefusalsNamePlaceAndField) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"scores":[0.5]})", "\"id\" is missing"},
      {R"({"id":7,"scores":[0.5]})", "id: expected a string"},
      {R"({"id":"a"})", "scores, label_probs, error"},
      {R"({"id":"a","scores":[]})", "scores: expected at least one"},
      {R"({"id":"a","scores":[0.5,1.5]})", "scores[1]: expected a number in [0, 1]"},
      {R"({"id":"a","scores":["x"]})", "scores[0]: expected a number"},
      {R"({"id":"a","label_probs":[[0.5,0.5]]})", "label_probs[0]: expected four"},
      {R"({"id":"a","label_probs":[[0.5,0.5,0,0,0]]})", "label_probs[0]: expected four"},
      {R"({"id":"a","label_probs":[[0.5,0.1,0,0]]})", "sum"},
      {R"({"id":"a","scores":[0.5,0.5],"label_probs":[[0.5,0,0.5,0]]})", "2 items"},
      {R"({"id":"a","scores":[0.9],"label_probs":[[0.5,0,0.5,0]]})", "p_correct 0.9"},
      {R"({"id":"a","scores":[0.9],"first_error":1})", "first_error: expected -1 to 0"},
      {R"({"id":"a","scores":[0.9],"aggregate":{"min":0.9}})", "\"product\" is missing"},
      {R"({"id":"a","scores":[0.9],"error":"no"})", "scores: expected either"},
      {R"({"id":"a","scores":[0.9)", "not valid JSON"},
      {R"([0.9])", "expected an object"}};
  for (const auto& [json, message] : cases) {
    EXPECT_THAT(Refusal(json), AllOf(HasSubstr("s.jsonl:3: "), HasSubstr(message))) << json;
  }
}

TEST(ScoreLines, ReaderGoesOnBehindARefusedLine) {
  const TempFolder folder;
  const std::filesystem::path path = folder / "scores.jsonl.gz";
  WriteFileAtomically(path,
                      "{\"id\":\"a\",\"scores\":[1]}\n\n{\"id\":\"b\"}\n"
                      "{\"id\":\"c\",\"error\":\"no\"}");
  ScoreLineReader reader(path);
  ScoreLine line;
  ASSERT_TRUE(reader.Next(&line));
  EXPECT_EQ(line.id, "a");
  EXPECT_THAT(MessageOf([&] { reader.Next(&line); }), HasSubstr("scores.jsonl.gz:3: "));
  ASSERT_TRUE(reader.Next(&line));
  EXPECT_EQ(TextOf(line.error), "no");
  EXPECT_THAT(reader.Where(), HasSubstr("scores.jsonl.gz:4"));
  EXPECT_FALSE(reader.Next(&line));
}

}  // namespace
}  // namespace prm
