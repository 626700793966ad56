#include "bench/symbolic/audit.h"

#include <gtest/gtest.h>

#include "bench/symbolic/held_out.h"
#include "data/records/trace_reader.h"
#include "tests/shared_data.h"
#include "tests/source_dir.h"

namespace prm::bench {
namespace {

TEST(Audit, WilsonIntervals) {
  // Roots of (p - x)^2 = z^2 x (1 - x) / n, solved to 30 digits.
  const Proportion p{5, 100};
  EXPECT_NEAR(p.Low(), 0.0215436791543650, 1e-12);
  EXPECT_NEAR(p.High(), 0.1117504692319191, 1e-12);
  const Proportion none{0, 50};
  EXPECT_EQ(none.Low(), 0);
  EXPECT_NEAR(none.High(), 0.0713475991333588, 1e-12);
}

TEST(Audit, BothSidesOfARelationAreSeenInTheCharacters) {
  EXPECT_TRUE(HoldsBothSides("So he paid 10*6=$50"));
  EXPECT_TRUE(HoldsBothSides("He can earn $4 x 1 = $4 for the pants."));
  EXPECT_TRUE(HoldsBothSides("it takes 180 - 40 = 130 minutes"));
  EXPECT_FALSE(HoldsBothSides("x = 500"));
  EXPECT_FALSE(HoldsBothSides("Let x represent the amount that Ron can lift."));
  EXPECT_FALSE(HoldsBothSides("total = the sum of 5 + 3"));
}

TEST(Audit, CountsRefutationsOfRightStepsApartFromConfirmedSlips) {
  Trace trace;
  trace.id = "a/1";
  trace.source = "eic_gsm8k";
  trace.problem = "p";
  for (const char* text : {"so 2*3 = 7", "so 2*4 = 9", "so 2*5 = 10"}) {
    trace.steps.push_back({text, StepLabel::kCorrectNecessary, std::nullopt});
  }
  std::vector<StepCheck> checks;
  StepChecker checker("p");
  for (const Step& step : trace.steps) checks.push_back(checker.Check(step.text));
  Auditor auditor({"a/1:1"});
  auditor.Add(trace, checks);
  const std::string half = IsHeldOut("p") ? " held-out" : " tuning";
  const AuditRow& row = auditor.audit().rows.at("gsm8k-style" + half);
  EXPECT_EQ(row.right.steps, 3);
  EXPECT_EQ(row.right_refuted, 2);
  EXPECT_EQ(row.confirmed, 1);
  EXPECT_EQ(row.closed_recall.of, 1);
  EXPECT_EQ(auditor.audit().refuted_right, (std::vector<std::string>{"a/1:0", "a/1:1 confirmed"}));
}

// The bars: at most 0.15 % false refutations and at least 80 % recall on each held-out half.
TEST(Audit, TheBarsHoldOnTheHeldOutHalves) {
  PRM_NEED_SHARED_DATA("steps/train.jsonl.xz");
  Auditor auditor(ReadConfirmedSlips(SourceDir() / "bench/symbolic/confirmed_slips"));
  StepChecker checker("");
  for (const char* file : {"steps/train.jsonl.xz", "steps/dev.jsonl.xz"}) {
    TraceReader reader(SharedData() / file);
    for (Trace trace; reader.Next(&trace);) {
      if (AuditStyle(trace.source).empty() || !IsHeldOut(trace.problem)) continue;
      checker.Reset(trace.problem);
      std::vector<StepCheck> checks;
      for (const Step& step : trace.steps) checks.push_back(checker.Check(step.text));
      auditor.Add(trace, checks);
    }
  }
  for (const char* style : {"gsm8k-style held-out", "prm800k-style held-out"}) {
    const AuditRow& row = auditor.audit().rows.at(style);
    EXPECT_LE(double(row.right_refuted - row.confirmed), 0.0015 * double(row.right.steps)) << style;
    EXPECT_GE(row.closed_recall.value(), 0.8) << style;
  }
  EXPECT_GE(auditor.audit().rows.at("gsm8k-style held-out").slip_recall.value(), 0.8);
}

}  // namespace
}  // namespace prm::bench
