#include "data/synth/corruption.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "data/math_text/verdict.h"
#include "data/records/trace_reader.h"

namespace prm {
namespace {

Trace Right() {
  Trace trace;
  trace.id = "t1";
  trace.problem = "A box holds 12 eggs. Ann has 5 boxes and drops 7 eggs. How many are whole?";
  for (const char* text : {"The boxes hold 12 * 5 = 60 eggs.", "She has 60 - 7 = 53 whole eggs.",
                           "The answer is 53."}) {
    trace.steps.push_back({text, StepLabel::kCorrectNecessary, std::nullopt});
  }
  trace.first_error = -1;
  trace.meta_json = R"({"origin":"test"})";
  return trace;
}

nlohmann::json Note(const Trace& trace) {
  return nlohmann::json::parse(trace.meta_json).at("corruption");
}

TEST(Corruption, AnIncorrectStepIsRefutedAndEndsTheLabels) {
  int refuted = 0;
  constexpr int kSeeds = 50;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto planted = CorruptTrace(Right(), Corruption::kIncorrect, seed);
    ASSERT_TRUE(planted);
    EXPECT_EQ(planted->id, "t1#incorrect");
    const auto at = size_t(*planted->first_error);
    EXPECT_EQ(planted->steps[at].label, StepLabel::kIncorrect);
    EXPECT_EQ(Note(*planted).at("step"), at);
    EXPECT_NE(planted->steps[at].text, Right().steps[at].text);
    for (size_t i = at + 1; i < planted->steps.size(); ++i) {
      EXPECT_FALSE(planted->steps[i].label);
    }
    StepChecker checker(planted->problem);
    refuted += checker.Check(planted->steps[at].text).severity == Severity::kHard;
  }
  EXPECT_GE(refuted, kSeeds - 5);
}

TEST(Corruption, ARedundantStepSaysAnEarlierOneAgain) {
  const auto planted = CorruptTrace(Right(), Corruption::kRedundant, 3);
  ASSERT_TRUE(planted);
  ASSERT_EQ(planted->steps.size(), 4u);
  const auto at = Note(*planted).at("step").get<size_t>();
  EXPECT_EQ(planted->steps[at].label, StepLabel::kCorrectRedundant);
  EXPECT_LT(Note(*planted).at("of").get<size_t>(), at);
  EXPECT_EQ(planted->first_error, -1);
}

TEST(Corruption, AMissingPremiseMakesTheStepThatNeedsItIncomplete) {
  const auto planted = CorruptTrace(Right(), Corruption::kIncomplete, 1);
  ASSERT_TRUE(planted);
  ASSERT_EQ(planted->steps.size(), 2u);
  EXPECT_EQ(planted->first_error, 0);
  EXPECT_EQ(planted->steps[0].label, StepLabel::kIncomplete);
  EXPECT_EQ(planted->steps[0].text, "She has 60 - 7 = 53 whole eggs.");
  EXPECT_EQ(Note(*planted).at("premise"), "The boxes hold 12 * 5 = 60 eggs.");
}

TEST(Corruption, AStatedNumberIsNoMissingPremise) {
  Trace trace = Right();
  trace.problem += " There are 60 eggs and 53 cups.";
  EXPECT_FALSE(CorruptTrace(trace, Corruption::kIncomplete, 1));
}

TEST(Corruption, EqualSeedsGiveEqualTraces) {
  for (int kind = 0; kind < kNumCorruptions; ++kind) {
    const auto a = CorruptTrace(Right(), Corruption(kind), 9);
    const auto b = CorruptTrace(Right(), Corruption(kind), 9);
    ASSERT_TRUE(a && b);
    EXPECT_EQ(TraceToJson(*a), TraceToJson(*b));
    EXPECT_EQ(nlohmann::json::parse(a->meta_json).at("origin"), "test");
    EXPECT_EQ(Note(*a).at("from"), "t1");
    EXPECT_EQ(Note(*a).at("kind"), kCorruptionNames[size_t(kind)]);
  }
}

TEST(Corruption, WrongAndUnlabelledTracesAreNotUsed) {
  Trace wrong = Right();
  wrong.steps[1].label = StepLabel::kIncorrect;
  Trace unlabelled = Right();
  unlabelled.steps[2].label.reset();
  for (int kind = 0; kind < kNumCorruptions; ++kind) {
    EXPECT_FALSE(CorruptTrace(wrong, Corruption(kind), 1));
    EXPECT_FALSE(CorruptTrace(unlabelled, Corruption(kind), 1));
  }
}

}  // namespace
}  // namespace prm
