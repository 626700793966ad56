#include "data/analysis/coverage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "data/analysis/strategies.h"
#include "data/records/trace_reader.h"
#include "tests/error_of.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

const CellState& StateOf(const std::vector<CellState>& states, const Cell& cell) {
  const auto found = std::find_if(states.begin(), states.end(),
                                  [&](const CellState& state) { return state.cell == cell; });
  if (found == states.end()) throw std::runtime_error("no cell " + CellText(cell));
  return *found;
}

TEST(Coverage, EveryCellOfTheClosedListIsShownWithItsDeficit) {
  Coverage coverage;
  const Cell cell{"inspect_verify", "math", 1};
  for (int i = 0; i < 3; ++i) coverage.Add(cell);
  const std::vector<CellState> states = coverage.States(CoveragePlan(5));
  EXPECT_EQ(states.size(), 10u * kNumDifficulties);  // math's ten, without "other"
  EXPECT_EQ(StateOf(states, cell).count, 3);
  EXPECT_EQ(StateOf(states, cell).deficit, 2);
  EXPECT_EQ(StateOf(states, {"induction", "math", 0}).deficit, 5);
}

TEST(Coverage, AFullCellLacksNothing) {
  Coverage coverage;
  for (int i = 0; i < 9; ++i) coverage.Add({"forward", "logic", 0});
  EXPECT_EQ(StateOf(coverage.States(CoveragePlan(5)), {"forward", "logic", 0}).deficit, 0);
}

TEST(Coverage, OtherStrategiesHaveNoTarget) {
  Coverage coverage;
  coverage.Add({"other", "math", 2});
  const CellState state = StateOf(coverage.States(CoveragePlan(5)), {"other", "math", 2});
  EXPECT_EQ(state.count, 1);
  EXPECT_EQ(state.target, 0);
}

TEST(Coverage, APlanSetsTargetsAndWhatDoesNotApply) {
  const CoveragePlan plan = CoveragePlan::Parse(
      R"({"target": 7, "cells": [{"domain": "math", "target": 9},
          {"strategy": "geometric", "domain": "math", "difficulty": "hard", "target": 2}],
          "does_not_apply": [{"strategy": "induction", "difficulty": "easy", "reason": "too short"}]})",
      "plan");
  EXPECT_EQ(plan.TargetOf({"forward", "logic", 0}), 7);
  EXPECT_EQ(plan.TargetOf({"geometric", "math", 0}), 9);
  EXPECT_EQ(plan.TargetOf({"geometric", "math", 2}), 2);
  EXPECT_EQ(plan.WhyNot({"induction", "math", 0}), "too short");
  EXPECT_EQ(plan.WhyNot({"induction", "math", 1}), std::nullopt);
  EXPECT_EQ(plan.WhyNot({"geometric", "math", 0}), std::nullopt);
  Coverage coverage;
  coverage.Add({"geometric", "math", 2});
  const CellState state = StateOf(coverage.States(plan), {"induction", "math", 0});
  EXPECT_EQ(state.target, 0);
  EXPECT_EQ(state.deficit, 0);
  EXPECT_EQ(state.why_not, "too short");
}

TEST(Coverage, TheLastEntryThatSelectsWins) {
  const CoveragePlan plan = CoveragePlan::Parse(
      R"({"cells": [{"strategy": "geometric", "target": 1}, {"target": 4}],
          "does_not_apply": [{"domain": "math", "reason": "first"},
                             {"strategy": "geometric", "reason": "last"}]})",
      "plan");
  EXPECT_EQ(plan.TargetOf({"geometric", "math", 0}), 4);
  EXPECT_EQ(plan.WhyNot({"geometric", "math", 0}), "last");
  EXPECT_EQ(plan.WhyNot({"estimate", "math", 0}), "first");
  EXPECT_EQ(plan.WhyNot({"geometric", "logic", 0}), "last");
  EXPECT_EQ(plan.WhyNot({"forward", "logic", 0}), std::nullopt);
}

TEST(Coverage, WithoutAPlanTwentyAreWanted) {
  EXPECT_EQ(CoveragePlan().TargetOf({"geometric", "math", 0}), 20);
  EXPECT_EQ(CoveragePlan::Parse("{}", "plan").TargetOf({"geometric", "math", 0}), 20);
}

TEST(Coverage, BadPlansAreRefusedByField) {
  const auto refusal = [](const std::string& json) {
    return MessageOf([&] { CoveragePlan::Parse(json, "plan.json"); }, ErrorCode::kInvalidArgument);
  };
  EXPECT_THAT(refusal(R"({"target": -1})"), HasSubstr("plan.json: target"));
  EXPECT_THAT(refusal(R"({"cells": [{"domain": "math"}]})"), HasSubstr("\"target\" is missing"));
  EXPECT_THAT(refusal(R"({"cells": [{"target": 1, "difficulty": "odd"}]})"),
              HasSubstr("easy, medium or hard"));
  EXPECT_THAT(refusal(R"({"does_not_apply": [{"domain": "x"}]})"), HasSubstr("\"reason\""));
  EXPECT_THAT(refusal(R"({"goal": 3})"), HasSubstr("unknown field"));
}

TEST(Coverage, DifficultyIsStatedOrCounted) {
  const auto difficulty = [](const std::string& meta, size_t steps) {
    std::string list = "\"s\"";
    for (size_t i = 1; i < steps; ++i) list += ",\"s\"";
    return kDifficultyNames[size_t(DifficultyOf(ParseTrace(
        R"({"id":"a","problem":"p","steps":[)" + list + "],\"meta\":" + meta + "}", "x")))];
  };
  EXPECT_EQ(difficulty("{}", 3), "easy");
  EXPECT_EQ(difficulty("{}", 4), "medium");
  EXPECT_EQ(difficulty("{}", 7), "medium");
  EXPECT_EQ(difficulty("{}", 8), "hard");
  EXPECT_EQ(difficulty(R"({"difficulty":"hard"})", 1), "hard");
  EXPECT_EQ(difficulty(R"({"difficulty":"Level 2"})", 9), "easy");
  EXPECT_EQ(difficulty(R"({"difficulty":"Level 3"})", 1), "medium");
  EXPECT_EQ(difficulty(R"({"difficulty":"Level 4"})", 1), "hard");
  EXPECT_EQ(difficulty(R"({"difficulty":2})", 9), "easy");
  EXPECT_EQ(difficulty(R"({"difficulty":3})", 9), "medium");
  EXPECT_EQ(difficulty(R"({"difficulty":3.5})", 1), "hard");
  EXPECT_EQ(difficulty(R"({"difficulty":5})", 1), "hard");
  EXPECT_EQ(difficulty(R"({"difficulty":"odd"})", 1), "easy");
}

}  // namespace
}  // namespace prm
