#include "serve/service/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "data/metrics/aggregates.h"
#include "data/metrics/metrics.h"
#include "tests/error_of.h"
#include "tests/serve/fake_scorer.h"

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Strings = std::vector<std::string>;

// Every step that the pieces complete, and the rest at their end.
Strings Split(const std::string& delimiter, const Strings& pieces, std::string* rest = nullptr) {
  StepSplitter splitter(delimiter);
  Strings steps;
  for (const std::string& piece : pieces) {
    splitter.Add(piece);
    while (const auto step = splitter.Next()) steps.push_back(*step);
  }
  const auto last = splitter.Rest();
  if (rest != nullptr) *rest = last.value_or("(none)");
  EXPECT_EQ(splitter.size_bytes(), 0u);
  return steps;
}

TEST(StepSplitter, StepsDoNotDependOnHowTheTextIsCutIntoPieces) {
  const std::string text =
      "\n\none\n\ntwo \xce\xba\n\n\n\n \n\n\nthree\nlines\n\n\nrest \xf0\x9f\x98\x80";
  std::string rest;
  EXPECT_THAT(Split("\n\n", {text}, &rest), ElementsAre("one", "two \xce\xba", "\nthree\nlines"));
  EXPECT_EQ(rest, "\nrest \xf0\x9f\x98\x80");
  for (size_t first = 0; first <= text.size(); ++first) {
    for (size_t second = first; second <= text.size(); ++second) {
      const Strings pieces = {text.substr(0, first), text.substr(first, second - first),
                              text.substr(second)};
      std::string rest_of_pieces;
      ASSERT_EQ(Split("\n\n", pieces, &rest_of_pieces), Split("\n\n", {text}));
      ASSERT_EQ(rest_of_pieces, rest);
    }
  }
}

TEST(StepSplitter, DelimitersMayBeAnyText) {
  EXPECT_THAT(Split("<step>", {"a<st", "ep><ste<step>b<step", ">"}), ElementsAre("a", "<ste", "b"));
  EXPECT_THAT(Split("aab", {"a", "a", "ab", "xaab"}), ElementsAre("a", "x"));
}

TEST(StepSplitter, BlankTextIsNoStep) {
  std::string rest;
  EXPECT_THAT(Split("\n", {"\n \n\t\n", " "}, &rest), ElementsAre());
  EXPECT_EQ(rest, "(none)");
}

// --- sessions ------------------------------------------------------------------------------------

class SessionTest : public testing::Test {
 protected:
  static constexpr int kMaxSteps = 4, kMaxStepBytes = 1000;

  Session Opened(std::optional<double> threshold = {}) const {
    return Session(rules_, {.problem = "problem", .threshold = threshold, .step_delimiter = ""});
  }
  Appended Score(Session& session, const std::string& step) const {
    const TraceTokens tokens = session.Begin(step);
    TraceScores scores = FakeScores(tokens);
    scores.tokens_computed = 3;
    scores.tokens_reused = 4;
    return session.Commit(scores);
  }
  TraceScores WholeTrace(const Strings& steps) const {
    Trace trace;
    trace.problem = "problem";
    for (const std::string& step : steps) trace.steps.push_back({step, {}, {}});
    return FakeScores(TokenizeTrace(scorer_.format(), scorer_.tokenizer(), trace));
  }
  // That `score` is the last step's in the trace of `steps`.
  void ExpectScoreOf(const Appended& score, const Strings& steps, double threshold) const {
    const TraceScores whole = WholeTrace(steps);
    EXPECT_EQ(score.index, int(steps.size()) - 1);
    EXPECT_EQ(score.score, whole.step(steps.size() - 1));
    EXPECT_EQ(score.aggregate, Aggregate(whole.p_correct));
    EXPECT_EQ(score.first_error, FirstErrorBelow(whole.p_correct, threshold));
    EXPECT_EQ(score.prune(), score.first_error.has_value());
  }
  template <class Action>
  void ExpectRefused(Session& session, const Strings& steps, const char* why, Action action) const {
    EXPECT_THAT(MessageOf(action, ErrorCode::kInvalidArgument), HasSubstr(why));
    ASSERT_EQ(session.steps(), int(steps.size()));
    Session other = session.Fork(session.steps());
    Strings longer = steps;
    longer.push_back("next");
    ExpectScoreOf(Score(other, "next"), longer, rules_.threshold);
  }

  const FakeScorer scorer_;
  const SessionRules rules_ = SessionRules(scorer_, kMaxSteps, kMaxStepBytes);
};

TEST_F(SessionTest, AStepsScoreIsThatOfTheWholeTrace) {
  Session session = Opened();
  Strings steps;
  for (const char* step : {"one", "two\n\nlines", " three "}) {
    steps.push_back(step);
    const Appended score = Score(session, step);
    ExpectScoreOf(score, steps, rules_.threshold);
    EXPECT_EQ(score.tokens_computed, 3);
    EXPECT_EQ(score.tokens_reused, 4);
    EXPECT_EQ(session.steps(), int(steps.size()));
  }
  EXPECT_EQ(Score(session, "four").tokens,
            int(std::string("problem one two..lines  three  four ").size()));
}

TEST_F(SessionTest, OnlyTheNewStepIsRead) {
  Session session = Opened();
  Score(session, "one");
  const TraceTokens tokens = session.Begin("two");
  EXPECT_EQ(tokens.ids.size(), std::string("problem\none\ntwo\n").size());
  EXPECT_THAT(tokens.step_reads, ElementsAre(int(tokens.ids.size()) - 1));
  EXPECT_EQ(tokens.steps_begin, 8);
}

TEST_F(SessionTest, TheThresholdJudgesFromTheFirstStepBelowItOn) {
  const Strings steps = {"one", "two", "three"};
  const std::vector<float> p = WholeTrace(steps).p_correct;
  for (const double threshold : {0.0, double(p[0]), double(p[1]), double(p[2]), 1.0}) {
    Session session = Opened(threshold);
    for (size_t s = 0; s < steps.size(); ++s) {
      ExpectScoreOf(Score(session, steps[s]), {steps.begin(), steps.begin() + int(s) + 1},
                    threshold);
    }
  }
  for (const double bad : {-0.1, 1.1, std::nan("")}) {
    EXPECT_THAT(MessageOf([&] { Opened(bad); }, ErrorCode::kInvalidArgument),
                HasSubstr("expected a number in [0, 1]"));
  }
}

TEST_F(SessionTest, ForksAndRollBacksGoOnFromTheirSteps) {
  Session session = Opened();
  const Strings steps = {"one", "two", "three"};
  for (const std::string& step : steps) Score(session, step);
  for (int kept = 0; kept <= 3; ++kept) {
    Strings expected(steps.begin(), steps.begin() + kept);
    expected.push_back("other");
    Session fork = session.Fork(kept);
    EXPECT_EQ(fork.steps(), kept);
    ExpectScoreOf(Score(fork, "other"), expected, rules_.threshold);
    Session back = session.Fork(3);
    back.RollBack(kept);
    EXPECT_EQ(back.steps(), kept);
    ExpectScoreOf(Score(back, "other"), expected, rules_.threshold);
  }
  ExpectScoreOf(Score(session, "four"), {"one", "two", "three", "four"}, rules_.threshold);
}

TEST_F(SessionTest, NoForkAndNoRollBackToStepsThatAreNotThere) {
  Session session = Opened();
  Score(session, "one");
  for (const int steps : {-1, 2}) {
    EXPECT_THAT(MessageOf([&] { session.Fork(steps); }, ErrorCode::kOutOfRange),
                HasSubstr("expected 0 to 1"));
    EXPECT_THAT(MessageOf([&] { session.RollBack(steps); }, ErrorCode::kOutOfRange),
                HasSubstr("expected 0 to 1"));
  }
  EXPECT_EQ(session.steps(), 1);
}

TEST_F(SessionTest, WhatIsRefusedChangesNothing) {
  Session session = Opened();
  Strings steps;
  for (const char* step : {"one", "two"}) {
    const auto begin = [&](const std::string& text) { return [&, text] { session.Begin(text); }; };
    const std::string where = StrCat("step ", steps.size());
    ExpectRefused(session, steps, (where + " is empty").c_str(), begin(" \n"));
    ExpectRefused(session, steps, "not UTF-8 at byte 2", begin("ab\xff"));
    ExpectRefused(session, steps, "1001 bytes; expected at most 1000",
                  begin(std::string(1001, 'x')));
    steps.push_back(step);
    Score(session, step);
  }
  session.Begin("given up");
  session.Abandon();
  ExpectScoreOf(Score(session, "three"), {"one", "two", "three"}, rules_.threshold);
}

TEST_F(SessionTest, TheStepAboveTheLimitIsRefused) {
  Session session = Opened();
  for (int s = 0; s < kMaxSteps; ++s) Score(session, "step");
  EXPECT_THAT(MessageOf([&] { session.Begin("step"); }, ErrorCode::kInvalidArgument),
              HasSubstr("step 4: expected at most 4 steps"));
}

TEST_F(SessionTest, ATraceAboveTheModelsContextIsRefusedWithBothLengths) {
  Session session = Opened();
  const std::string step(999, 'x');
  Score(session, step);
  Score(session, step);
  EXPECT_THAT(
      MessageOf([&] { session.Begin(step); }, ErrorCode::kInvalidArgument),
      HasSubstr(
          "step 2: at least 3007 tokens with the steps before it; the model takes at most 2048"));
  EXPECT_EQ(Score(session, std::string(39, 'y')).tokens, 2048);
  EXPECT_THROW(session.Begin("z"), Error);
  EXPECT_THAT(MessageOf(
                  [&] {
                    Session(rules_, {std::string(3000, 'x'), {}, ""});
                  },
                  ErrorCode::kInvalidArgument),
              HasSubstr("a problem of at least 3000 tokens; the model takes at most 2048"));
}

TEST_F(SessionTest, ScoresThatAreNoneAreTheScorersFaultAndChangeNothing) {
  Session session = Opened();
  for (const std::vector<float>& p : {std::vector<float>{}, {1.5f}, {0.5f, 0.5f}}) {
    session.Begin("one");
    EXPECT_THAT(MessageOf(
                    [&] {
                      session.Commit({p, {}});
                    },
                    ErrorCode::kInternal),
                HasSubstr("step 0"));
  }
  ExpectScoreOf(Score(session, "one"), {"one"}, rules_.threshold);
}

TEST_F(SessionTest, AModelWithoutFourLabelsGivesNone) {
  Session session = Opened();
  session.Begin("one");
  EXPECT_EQ(session.Commit({{0.5f}, {}}).score.label_probs, std::nullopt);
}

TEST_F(SessionTest, PiecesBecomeSteps) {
  Session session = Opened();
  session.AddText("one\ntw");
  EXPECT_EQ(session.NextStep(false), "one");  // the format's delimiter is its line feed
  EXPECT_EQ(session.NextStep(false), std::nullopt);
  EXPECT_TRUE(session.has_text());
  session.AddText("o");
  EXPECT_EQ(session.NextStep(true), "two");
  EXPECT_EQ(session.NextStep(true), std::nullopt);
  EXPECT_FALSE(session.has_text());
  Session other(rules_, {"problem", {}, "|"});
  other.AddText("one\ntwo|");
  EXPECT_EQ(other.NextStep(false), "one\ntwo");
}

TEST_F(SessionTest, TextThatWaitsIsBounded) {
  Session session = Opened();
  session.AddText(std::string(600, 'x'));
  EXPECT_THAT(
      MessageOf([&] { session.AddText(std::string(401, 'x')); }, ErrorCode::kInvalidArgument),
      HasSubstr("1001 bytes of unfinished text; expected at most 1000"));
  session.AddText(std::string(400, 'x'));
}

TEST_F(SessionTest, NoPieceIsTakenForAnotherStepAfterARefusedOne) {
  Session session = Opened();
  Score(session, "one");
  session.AddText("two, which is refu");
  session.DropText();
  EXPECT_FALSE(session.has_text());
  EXPECT_THAT(MessageOf([&] { session.AddText("sed"); }, ErrorCode::kFailedPrecondition),
              HasSubstr("expected a rollback (to step 1"));
  session.RollBack(1);
  session.AddText("two");
  EXPECT_EQ(session.NextStep(true), "two");
  session.AddText("three, not yet");
  session.RollBack(1);
  EXPECT_FALSE(session.has_text());
  session.AddText("left behind");
  EXPECT_FALSE(session.Fork(1).has_text());
}

}  // namespace
}  // namespace prm
