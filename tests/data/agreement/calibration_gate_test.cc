#include "data/agreement/calibration_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/error_of.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

GroupEvidence GoodGroup() {
  GroupEvidence group;
  group.set = CalibrationSet{30, 200, {120, 30, 30, 20}, 5, 5};
  group.alpha = {.85};
  group.alpha_low = .7;
  group.incorrect_alpha = {.82};
  group.label_units = {100, 25, 25, 15};
  group.candidates = 3;
  return group;
}

PersonEvidence GoodPerson(const std::string& name = "ann-01") {
  return {name, {160, 200}, {27, 30}, {10, 170}, 200, 200, 900, 300};
}

RuleVerdict VerdictOf(const std::vector<RuleResult>& rules, std::string_view name) {
  for (const RuleResult& rule : rules) {
    if (rule.rule == name) return rule.verdict;
  }
  ADD_FAILURE() << "no rule " << name;
  return RuleVerdict::kInsufficient;
}

TEST(GateRules, AGoodGroupPasses) {
  EXPECT_EQ(Together(JudgeGroup(GoodGroup())), RuleVerdict::kPassed);
  EXPECT_EQ(Together(JudgePerson(GoodPerson())), RuleVerdict::kPassed);
}

TEST(GateRules, EachRuleOfTheGroupDecidesAtItsBar) {
  struct Case {
    const char* rule;
    void (*spoil)(GroupEvidence*);
    RuleVerdict verdict;
  };
  const RuleVerdict failed = RuleVerdict::kFailed, insufficient = RuleVerdict::kInsufficient;
  const Case cases[] = {
      {"set: traces", [](GroupEvidence* g) { g->set->traces = 29; }, insufficient},
      {"set: steps", [](GroupEvidence* g) { g->set->steps = 149; }, insufficient},
      {"set: share incorrect or incomplete",
       [](GroupEvidence* g) {
         g->set->label_counts = {121, 30, 30, 19};
       },
       insufficient},
      {"set: share redundant", [](GroupEvidence* g) { g->set->label_counts[1] = 19; },
       insufficient},
      {"set: right answer with a wrong step",
       [](GroupEvidence* g) { g->set->right_answer_wrong_step = 4; }, insufficient},
      {"set: clean traces", [](GroupEvidence* g) { g->set->clean = std::nullopt; }, insufficient},
      {"candidates", [](GroupEvidence* g) { g->candidates = 1; }, insufficient},
      {"labels missing (all rate all)", [](GroupEvidence* g) { g->missing = 1; }, insufficient},
      {"units called incomplete", [](GroupEvidence* g) { g->label_units[3] = 9; }, insufficient},
      {"nominal alpha", [](GroupEvidence* g) { g->alpha = {.799}; }, failed},
      {"nominal alpha", [](GroupEvidence* g) { g->alpha = Statistic::Undefined("why"); },
       insufficient},
      {"nominal alpha, lower end", [](GroupEvidence* g) { g->alpha_low = .666; }, failed},
      {"nominal alpha, lower end", [](GroupEvidence* g) { g->alpha_low.reset(); }, insufficient},
      {"alpha of incorrect against the rest", [](GroupEvidence* g) { g->incorrect_alpha = {.79}; },
       failed},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.rule);
    GroupEvidence group = GoodGroup();
    c.spoil(&group);
    const auto rules = JudgeGroup(group);
    EXPECT_EQ(VerdictOf(rules, c.rule), c.verdict);
    EXPECT_EQ(Together(rules), c.verdict);
  }
  GroupEvidence bare = GoodGroup();
  bare.set.reset();
  EXPECT_EQ(VerdictOf(JudgeGroup(bare), "calibration set"), insufficient);
}

TEST(GateRules, EachRuleOfThePersonDecidesAtItsBar) {
  struct Case {
    const char* rule;
    void (*spoil)(PersonEvidence*);
    RuleVerdict verdict;
  };
  const RuleVerdict failed = RuleVerdict::kFailed, insufficient = RuleVerdict::kInsufficient;
  const Case cases[] = {
      {"agreement with gold",
       [](PersonEvidence* p) {
         p->gold = {149, 200};
       },
       failed},
      {"agreement with gold", [](PersonEvidence* p) { p->gold = {}; }, insufficient},
      {"recall on gold incorrect",
       [](PersonEvidence* p) {
         p->gold_incorrect = {23, 30};
       },
       failed},
      {"false alarms",
       [](PersonEvidence* p) {
         p->false_alarms = {18, 170};
       },
       failed},
      {"items done", [](PersonEvidence* p) { p->done = 199; }, insufficient},
      {"active seconds above the reading floor", [](PersonEvidence* p) { p->seconds = 299; },
       failed},
      {"active seconds above the reading floor", [](PersonEvidence* p) { p->seconds.reset(); },
       insufficient},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.rule);
    PersonEvidence person = GoodPerson();
    c.spoil(&person);
    EXPECT_EQ(VerdictOf(JudgePerson(person), c.rule), c.verdict);
    EXPECT_EQ(Together(JudgePerson(person)), c.verdict);
  }
  PersonEvidence at_bars = GoodPerson();
  at_bars.gold = {150, 200};
  at_bars.gold_incorrect = {24, 30};
  at_bars.false_alarms = {17, 170};
  EXPECT_EQ(Together(JudgePerson(at_bars)), RuleVerdict::kPassed);
}

TEST(GateRules, InsufficientIsToldApartFromFailed) {
  GroupEvidence group = GoodGroup();
  group.alpha = {.1};
  group.label_units[2] = 3;
  const auto rules = JudgeGroup(group);
  EXPECT_EQ(VerdictOf(rules, "nominal alpha"), RuleVerdict::kFailed);
  EXPECT_EQ(Together(rules), RuleVerdict::kInsufficient);
  EXPECT_EQ(Together({}), RuleVerdict::kInsufficient);
}

TEST(GateRules, BarsAreOptions) {
  GroupEvidence group = GoodGroup();
  GateOptions options;
  options.min_alpha = .86;
  EXPECT_EQ(Together(JudgeGroup(group, options)), RuleVerdict::kFailed);
}

// --- the state machine --------------------------------------------------------------------------

GateState Draft() {
  GateState state;
  state.project = "p";
  state.domain = "math";
  return state;
}

FinishRound Finished(const GroupEvidence& group, std::vector<PersonEvidence> people) {
  return {GateOptions(), group, std::move(people)};
}

TEST(Gate, NobodyAnnotatesBeforeACalibrationHasPassed) {
  GateState state = Draft();
  EXPECT_EQ(WhyMayNotAnnotate(state, "ann-01"),
            "calibration of guideline version 1 is draft, not passed");
  EXPECT_FALSE(MayExport(state, 1));
  state = Apply(state, StartRound{"set-1"});
  EXPECT_THAT(WhyMayNotAnnotate(state, "ann-01"), HasSubstr("is calibrating"));
  PersonEvidence bad = GoodPerson("ann-02");
  bad.gold = {100, 200};
  state = Apply(state, Finished(GoodGroup(), {GoodPerson(), bad}));
  EXPECT_EQ(state.status, GateStatus::kPassed);
  EXPECT_EQ(WhyMayNotAnnotate(state, "ann-01"), "");
  EXPECT_THAT(WhyMayNotAnnotate(state, "ann-02"), HasSubstr("has not passed"));
  EXPECT_THAT(WhyMayNotAnnotate(state, "ann-03"), HasSubstr("has not passed"));
  EXPECT_TRUE(MayExport(state, 1));
}

TEST(Gate, AFailedRoundTakesANewVersionAndAFreshSet) {
  GroupEvidence bad = GoodGroup();
  bad.alpha = {.5};
  GateState state = Apply(Draft(), StartRound{"set-1"});
  state = Apply(state, Finished(bad, {GoodPerson()}));
  EXPECT_EQ(state.status, GateStatus::kFailed);
  EXPECT_NE(WhyMayNotAnnotate(state, "ann-01"), "");
  EXPECT_FALSE(MayExport(state, 1));
  EXPECT_THAT(
      MessageOf([&] { Apply(state, NextVersion{"set-1"}); }, ErrorCode::kFailedPrecondition),
      HasSubstr("set-1 was used before"));
  state = Apply(state, NextVersion{"set-2"});
  EXPECT_EQ(state.guideline_version, 2);
  EXPECT_EQ(state.status, GateStatus::kCalibrating);
  state = Apply(state, Finished(GoodGroup(), {GoodPerson()}));
  EXPECT_EQ(WhyMayNotAnnotate(state, "ann-01"), "");
  EXPECT_FALSE(MayExport(state, 1));
  EXPECT_TRUE(MayExport(state, 2));
  ASSERT_EQ(state.rounds.size(), 2u);
  EXPECT_EQ(state.rounds[0].set, "set-1");
}

TEST(Gate, InsufficientEvidenceNeitherPassesNorFails) {
  GroupEvidence few = GoodGroup();
  few.label_units[3] = 2;
  GateState state = Apply(Draft(), StartRound{"set-1"});
  state = Apply(state, Finished(few, {GoodPerson()}));
  EXPECT_EQ(state.status, GateStatus::kCalibrating);
  EXPECT_EQ(state.guideline_version, 1);
  EXPECT_TRUE(state.passed.empty());
  EXPECT_FALSE(MayExport(state, 1));
  EXPECT_THAT(MessageOf([&] { Apply(state, Finished(GoodGroup(), {})); }),
              HasSubstr("cannot finish a round"));
  state = Apply(state, AnotherSet{"set-2"});
  state = Apply(state, Finished(GoodGroup(), {GoodPerson()}));
  EXPECT_EQ(state.status, GateStatus::kPassed);
}

TEST(Gate, ANewVersionIsANewGateForEverybody) {
  GateState state = Apply(Draft(), StartRound{"set-1"});
  state = Apply(state, Finished(GoodGroup(), {GoodPerson()}));
  state = Apply(state, NextVersion{"set-2"});
  EXPECT_NE(WhyMayNotAnnotate(state, "ann-01"), "");
  EXPECT_TRUE(MayExport(state, 1));
  EXPECT_FALSE(MayExport(state, 2));
  state = Apply(state, Finished(GoodGroup(), {GoodPerson("ann-02")}));
  EXPECT_THAT(WhyMayNotAnnotate(state, "ann-01"), HasSubstr("guideline version 2"));
  EXPECT_EQ(WhyMayNotAnnotate(state, "ann-02"), "");
}

TEST(Gate, TheSuspendedReturnByNewEvidence) {
  GateState state = Apply(Draft(), StartRound{"set-1"});
  state = Apply(state, Finished(GoodGroup(), {GoodPerson()}));
  state = Apply(state, SuspendAnnotator{"ann-01", "drift"});
  EXPECT_EQ(WhyMayNotAnnotate(state, "ann-01"), "suspended: drift");
  EXPECT_THAT(MessageOf([&] {
                Apply(state, JudgeAgain{{}, GoodPerson(), "set-1"});
              }),
              HasSubstr("not used before"));
  PersonEvidence bad = GoodPerson();
  bad.false_alarms = {90, 170};
  state = Apply(state, JudgeAgain{{}, bad, "set-2"});
  EXPECT_EQ(WhyMayNotAnnotate(state, "ann-01"), "suspended: drift");
  state = Apply(state, JudgeAgain{{}, GoodPerson(), "set-3"});
  EXPECT_EQ(WhyMayNotAnnotate(state, "ann-01"), "");
  EXPECT_TRUE(MayExport(state, 1));
}

TEST(Gate, EventsOutOfOrderAreRefused) {
  const GateState draft = Draft();
  const GateState calibrating = Apply(draft, StartRound{"s"});
  const GateState passed = Apply(calibrating, Finished(GoodGroup(), {}));
  const auto refuse = [](const GateState& state, const GateEvent& event) {
    return MessageOf([&] { Apply(state, event); }, ErrorCode::kFailedPrecondition);
  };
  EXPECT_THAT(refuse(draft, Finished(GoodGroup(), {})),
              HasSubstr("gate of project p, domain math, version 1 (draft): cannot finish"));
  EXPECT_THAT(refuse(draft, NextVersion{"t"}), HasSubstr("cannot start the next version"));
  EXPECT_THAT(refuse(draft, JudgeAgain{{}, GoodPerson(), "t"}), HasSubstr("cannot judge"));
  EXPECT_THAT(refuse(draft, StartRound{""}), HasSubstr("expected the id"));
  EXPECT_THAT(refuse(calibrating, StartRound{"t"}), HasSubstr("cannot start"));
  EXPECT_THAT(refuse(calibrating, NextVersion{"t"}), HasSubstr("cannot start the next version"));
  EXPECT_THAT(refuse(calibrating, AnotherSet{"t"}), HasSubstr("cannot take another set"));
  EXPECT_THAT(refuse(passed, StartRound{"t"}), HasSubstr("cannot start"));
  EXPECT_THAT(refuse(passed, AnotherSet{"t"}), HasSubstr("cannot take another set"));
}

}  // namespace
}  // namespace prm
