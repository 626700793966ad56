#include "serve/client/rerank_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "data/records/score_lines.h"

namespace prm {
namespace {

using testing::HasSubstr;
using testing::Not;

RerankProblem Problem() {
  RerankProblem problem;
  problem.id = "q1";
  problem.problem = "What is 2 + 3?";
  problem.ground_truth = "5";
  problem.candidates = {{{"2 + 3 = 6", "The answer is 6"}, "6", false},
                        {{"2 + 3 = 5", "The answer is 5"}, "5", true},
                        {{"5", "so 5"}, "5", true}};
  return problem;
}

RerankResult Ranked(const RerankProblem& problem) {
  std::vector<ScoreLine> lines = {
      MakeScoreLine("q1/0", TraceScores::Of({{0.1f, 0.1f, 0.7f, 0.1f}, {0.1f, 0.2f, 0.6f, 0.1f}}),
                    0.5),
      MakeScoreLine(
          "q1/1", TraceScores::Of({{0.9f, 0.07f, 0.02f, 0.01f}, {0.8f, 0.1f, 0.05f, 0.05f}}), 0.5),
      MakeScoreLine("q1/2", TraceScores::Of({{0.2f, 0.6f, 0.1f, 0.1f}, {0.1f, 0.2f, 0.1f, 0.6f}}),
                    0.5)};
  return RankProblem(problem, std::move(lines));
}

TEST(RenderProblem, ShowsTheBestFirstWithEachStepsScoreAndLabel) {
  const RerankProblem problem = Problem();
  const std::string text = RenderProblem(problem, Ranked(problem), {.best = 1, .worst = 1});
  EXPECT_THAT(text, HasSubstr("What is 2 + 3?"));
  EXPECT_THAT(text, HasSubstr("3 candidates, 2 correct, expected answer 5; ranked by min"));
  EXPECT_THAT(text, HasSubstr("0.97 █████▉ ● necessary   2 + 3 = 5\n"));
  EXPECT_THAT(text, HasSubstr("0.20 █▎     ● incorrect   2 + 3 = 6\n"));
  EXPECT_THAT(text, HasSubstr(" 1. 0.90 ✔ 5"));
  EXPECT_THAT(text, HasSubstr(" 3. 0.20 ✘ 6"));
  EXPECT_THAT(text, HasSubstr("first error in step 0"));
  EXPECT_THAT(text, HasSubstr("1 more"));
  EXPECT_THAT(text, Not(HasSubstr("so 5")));
  EXPECT_LT(text.find("0.90 ✔"), text.find("0.20 ✘"));
}

TEST(RenderProblem, EveryCandidateIsShownOnceWhereTheyAreFew) {
  const RerankProblem problem = Problem();
  const std::string text = RenderProblem(problem, Ranked(problem), {.best = 3, .worst = 3});
  EXPECT_THAT(text, Not(HasSubstr("more")));
  size_t count = 0;
  for (size_t at = text.find("candidate "); at != text.npos; at = text.find("candidate ", at + 1)) {
    ++count;
  }
  EXPECT_EQ(count, 3u);
}

TEST(RenderProblem, ColourAddsEscapesAndNothingElse) {
  const RerankProblem problem = Problem();
  const std::string plain = RenderProblem(problem, Ranked(problem), {});
  const std::string colour = RenderProblem(problem, Ranked(problem), {.color = true});
  EXPECT_EQ(plain.find('\x1b'), plain.npos);
  EXPECT_NE(colour.find('\x1b'), colour.npos);
  EXPECT_EQ(std::regex_replace(colour, std::regex("\x1b\\[[0-9;]*m"), ""), plain);
}

TEST(RenderProblem, ShowsTheWholeProblemWithinTheWidth) {
  RerankProblem problem = Problem();
  problem.problem = "Lena picks twelve apples\nand Rosa picks six times as many as Lena does.";
  const std::string text = RenderProblem(problem, Ranked(problem), {.width = 41});
  EXPECT_THAT(text, HasSubstr("\n  Lena picks twelve apples and Rosa picks\n"
                              "  six times as many as Lena does.\n"));
}

TEST(RenderProblem, SaysHowManyCouldNotBeScored) {
  const RerankProblem problem = Problem();
  RerankResult ranked = Ranked(problem);
  std::vector<ScoreLine> lines = ranked.candidates;
  lines[2] = MakeErrorLine("q1/2", Error(ErrorCode::kInvalidArgument, "too long"));
  EXPECT_THAT(RenderProblem(problem, RankProblem(problem, lines), {}),
              HasSubstr("1 could not be scored"));
}

TEST(RenderProblem, TextCannotCommandTheTerminal) {
  RerankProblem problem = Problem();
  problem.problem = "\x1b[2J evil \xc2\x9b 1m \x07";
  problem.candidates[0].steps[0] = "\x1b]0;title\x07";
  problem.candidates[0].answer = "\x1b[31m";
  problem.id = "\x1b[0m";
  const std::string text = RenderProblem(problem, Ranked(problem), {});
  EXPECT_EQ(text.find('\x1b'), text.npos);
  EXPECT_EQ(text.find('\x07'), text.npos);
  EXPECT_EQ(text.find("\xc2\x9b"), text.npos);
}

TEST(OneLine, CutsWithAnEllipsisAtTheWidthInCharacters) {
  EXPECT_EQ(OneLine("abcdef", 6), "abcdef");
  EXPECT_EQ(OneLine("abcdefg", 6), "abcde…");
  EXPECT_EQ(OneLine("äöüß", 4), "äöüß");
  EXPECT_EQ(OneLine("äöüßx", 4), "äöü…");
  EXPECT_EQ(OneLine("a\n\n  b\tc ", 20), "a b c");
  EXPECT_EQ(OneLine(std::string(500, 'x'), 0), std::string(500, 'x'));
}

TEST(ScoreBar, FillsFromTheLeftByEighths) {
  EXPECT_EQ(ScoreBar(0, 2), "  ");
  EXPECT_EQ(ScoreBar(1, 2), "██");
  EXPECT_EQ(ScoreBar(0.5, 2), "█ ");
  EXPECT_EQ(ScoreBar(0.75, 2), "█▌");
  EXPECT_EQ(ScoreBar(7, 1), "█");
}

TEST(ChoiceTally, CountsTheCorrectChoicesOfEachRule) {
  const RerankProblem problem = Problem();
  ChoiceTally tally;
  EXPECT_EQ(tally.Render({}), "");
  tally.Add(problem, Ranked(problem));
  RerankProblem unknown = problem;
  unknown.ground_truth.reset();
  for (RerankCandidate& candidate : unknown.candidates) candidate.is_correct.reset();
  tally.Add(unknown, Ranked(unknown));
  EXPECT_EQ(
      tally.Render({}),
      "Correct choices in 1 problem:  min 1  product 1  last 1  mean 1  majority 1  weighted 1"
      "  (at random 0.7, at best 1)\n");
}

}  // namespace
}  // namespace prm
