#include "data/records/rerank_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/records/score_lines.h"
#include "tests/error_of.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::string_view kProblem =
    R"({"id":"p1","problem":"2+3?","ground_truth":5,"extra":1,"candidates":[)"
    R"({"steps":["2+3","The answer is 6."]},)"
    R"({"steps":["2+3 = 5"],"answer":5.0},)"
    R"({"steps":["No idea."],"answer":null,"is_correct":null,"policy":"x"},)"
    R"({"steps":["\\boxed{5}"],"answer":"7","is_correct":true}]})";

RerankProblem Problem() { return ParseRerankProblem(kProblem, "here"); }

std::string Refusal(std::string_view json) {
  return MessageOf([&] { ParseRerankProblem(json, "r.jsonl:9"); }, ErrorCode::kInvalidArgument);
}

TEST(RerankFile, FieldsAreReadAndUnknownOnesIgnored) {
  const RerankProblem problem = Problem();
  EXPECT_EQ(problem.id, "p1");
  EXPECT_EQ(problem.problem, "2+3?");
  EXPECT_EQ(problem.ground_truth, "5");
  ASSERT_EQ(problem.candidates.size(), 4u);
  EXPECT_EQ(problem.candidates[0].steps.size(), 2u);
  EXPECT_EQ(problem.candidates[0].answer, std::nullopt);
  EXPECT_EQ(problem.candidates[2].answer, std::nullopt);
  EXPECT_EQ(problem.candidates[2].is_correct, std::nullopt);
  EXPECT_EQ(problem.candidates[3].is_correct, true);
}

TEST(RerankFile, GivenAnswerComesBeforeTheLastStep) {
  const RerankProblem problem = Problem();
  EXPECT_EQ(CandidateAnswer(problem.candidates[0]), (FoundAnswer{"6", AnswerSource::kAnswerIs}));
  EXPECT_EQ(CandidateAnswer(problem.candidates[1])->source, AnswerSource::kGiven);
  EXPECT_EQ(CandidateAnswer(problem.candidates[2]), std::nullopt);
  EXPECT_EQ(CandidateAnswer(problem.candidates[3]), (FoundAnswer{"7", AnswerSource::kGiven}));
}

TEST(RerankFile, GivenVerdictComesBeforeTheComparison) {
  RerankProblem problem = Problem();
  EXPECT_EQ(CandidateIsCorrect(problem, 0), false);
  EXPECT_EQ(CandidateIsCorrect(problem, 1), true);
  EXPECT_EQ(CandidateIsCorrect(problem, 2), false);
  EXPECT_EQ(CandidateIsCorrect(problem, 3), true);
  problem.ground_truth.reset();
  EXPECT_EQ(CandidateIsCorrect(problem, 1), std::nullopt);
}

TEST(RerankFile, CandidateBecomesATraceWithItsNumber) {
  const Trace trace = CandidateTrace(Problem(), 0);
  EXPECT_EQ(trace.id, "p1/0");
  EXPECT_EQ(trace.problem, "2+3?");
  ASSERT_EQ(trace.steps.size(), 2u);
  EXPECT_EQ(trace.steps[1].text, "The answer is 6.");
  EXPECT_EQ(trace.steps[1].label, std::nullopt);
}

TEST(RerankFile, ResultLineHasTheFieldsOfTheFormat) {
  std::vector<ScoreLine> lines;
  lines.push_back(MakeScoreLine("p1/0", TraceScores{{0.5f, 0.25f}, {}}, 0.5));
  lines.push_back(MakeScoreLine("p1/1", TraceScores{{0.75f}, {}}, 0.5));
  lines.push_back(MakeErrorLine("p1/2", Error(ErrorCode::kInvalidArgument, "too long")));
  lines.push_back(MakeScoreLine("p1/3", TraceScores{{0.75f}, {}}, 0.5));
  const auto json =
      nlohmann::json::parse(RerankResultToJson(RankProblem(Problem(), std::move(lines))));
  const auto order = nlohmann::json::array({1, 3, 0});
  EXPECT_EQ(json["id"], "p1");
  EXPECT_EQ(json["ranking"],
            nlohmann::json({{"min", order}, {"product", order}, {"last", order}, {"mean", order}}));
  EXPECT_EQ(json["choice"], nlohmann::json({{"min", 1},
                                            {"product", 1},
                                            {"last", 1},
                                            {"mean", 1},
                                            {"majority", 0},
                                            {"weighted", 1}}));
  ASSERT_EQ(json["candidates"].size(), 4u);
  EXPECT_EQ(json["candidates"][0]["scores"], nlohmann::json({0.5, 0.25}));
  EXPECT_EQ(json["candidates"][0]["first_error"], 1);
  EXPECT_EQ(json["candidates"][0]["answer"], "6");
  EXPECT_EQ(json["candidates"][0]["answer_source"], "answer_is");
  EXPECT_EQ(json["candidates"][1]["answer_source"], "given");
  EXPECT_EQ(json["candidates"][2]["error"], "too long");
  EXPECT_TRUE(json["candidates"][2].at("answer").is_null());
  EXPECT_TRUE(json["candidates"][2].at("answer_source").is_null());
  EXPECT_TRUE(json["candidates"][2].at("normalized_answer").is_null());
  EXPECT_EQ(json["candidates"][0]["normalized_answer"], "6");
  // Each candidate's line is a line of the score format.
  for (const auto& candidate : json["candidates"]) ParseScoreLine(candidate.dump(), "candidate");
}

TEST(RerankFile, TiesAndDoubtfulWinnersAreNamed) {
  const RerankProblem problem =
      ParseRerankProblem(R"({"id":"q","problem":"?","candidates":[{"steps":["a"],"answer":"1"},)"
                         R"({"steps":["b"],"answer":"2"},{"steps":["c"],"answer":"2.0"}]})",
                         "here");
  std::vector<ScoreLine> lines;
  for (const float score : {0.75f, 0.75f, 0.25f}) {
    lines.push_back(MakeScoreLine("q", TraceScores{{score}, {}}, 0.5));
  }
  const auto json = nlohmann::json::parse(RerankResultToJson(RankProblem(problem, lines)));
  const auto tied = nlohmann::json::array({0, 1});
  EXPECT_EQ(json["ties"],
            nlohmann::json({{"min", tied}, {"product", tied}, {"last", tied}, {"mean", tied}}));
  EXPECT_EQ(json["doubtful"], nlohmann::json::array({2})) << "2.0 won, by a step below 0.5";
}

TEST(RerankFile, ChoiceThatCannotBeMadeIsNull) {
  const RerankProblem problem =
      ParseRerankProblem(R"({"id":"q","problem":"?","candidates":[{"steps":["Hm."]}]})", "here");
  std::vector<ScoreLine> lines;
  lines.push_back(MakeErrorLine("q/0", Error(ErrorCode::kInvalidArgument, "no")));
  const auto json = nlohmann::json::parse(RerankResultToJson(RankProblem(problem, lines)));
  EXPECT_TRUE(json["ranking"]["min"].is_array() && json["ranking"]["min"].empty());
  for (const auto& choice : json["choice"]) EXPECT_TRUE(choice.is_null());
  EXPECT_EQ(json["choice"].size(), 6u);
}

TEST(RerankFile, EveryCandidateNeedsItsLine) { EXPECT_THROW(RankProblem(Problem(), {}), Error); }

TEST(RerankFile, RefusalsNamePlaceAndField) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"id":"a","problem":"p"})", "\"candidates\" is missing"},
      {R"({"problem":"p","candidates":[]})", "\"id\" is missing"},
      {R"({"id":"a","problem":null,"candidates":[]})", "problem: expected a string"},
      {R"({"id":"a","problem":"p","candidates":[]})", "candidates: expected at least one"},
      {R"({"id":"a","problem":"p","candidates":[{"steps":["s"]},{}]})",
       "candidates[1]: the field \"steps\" is missing"},
      {R"({"id":"a","problem":"p","candidates":[{"steps":[]}]})",
       "candidates[0].steps: expected at least one"},
      {R"({"id":"a","problem":"p","candidates":[{"steps":["s"," "]}]})",
       "candidates[0].steps[1]: expected a step with text"},
      {R"({"id":"a","problem":"p","candidates":[{"steps":["s",3]}]})",
       "candidates[0].steps[1]: expected a string"},
      {R"({"id":"a","problem":"p","candidates":[{"steps":["s"],"answer":[1]}]})",
       "candidates[0].answer: expected a string or a number"},
      {R"({"id":"a","problem":"p","candidates":[{"steps":["s"],"is_correct":1}]})",
       "candidates[0].is_correct: expected true or false"},
      {R"({"id":"a","problem":"p","candidates":[3]})", "candidates[0]: expected an object"},
      {R"({"id":"a","problem":"p","ground_truth":true,"candidates":[{"steps":["s"]}]})",
       "ground_truth: expected a string or a number"},
      {R"({"id":"a",)", "not valid JSON"},
      {"{\"id\":\"\xff\"}", "not UTF-8"}};
  for (const auto& [json, message] : cases) {
    EXPECT_THAT(Refusal(json), AllOf(HasSubstr("r.jsonl:9: "), HasSubstr(message))) << json;
  }
}

TEST(RerankFile, PublicFilesAreReadWhole) {
  PRM_NEED_SHARED_DATA("rerank/gsm8k_bon32_public.jsonl.xz");
  RerankReader reader(SharedData() / "rerank" / "gsm8k_bon32_public.jsonl.xz");
  RerankProblem problem;
  int problems = 0;
  size_t candidates = 0;
  while (reader.Next(&problem)) {
    ++problems;
    candidates += problem.candidates.size();
  }
  EXPECT_EQ(problems, 206);
  EXPECT_EQ(candidates, 206u * 32);
  EXPECT_THAT(reader.Where(), HasSubstr("gsm8k_bon32_public.jsonl.xz:206"));
}

}  // namespace
}  // namespace prm
