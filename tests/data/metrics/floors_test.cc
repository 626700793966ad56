#include "data/metrics/floors.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "data/metrics/metrics.h"
#include "data/records/trace_reader.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

size_t TextBytes(const Trace& trace, size_t steps) {
  size_t bytes = 0;
  for (size_t s = 0; s < steps; ++s) bytes += trace.steps[s].text.size();
  return bytes;
}

using Rule = std::function<bool(const Trace&, size_t)>;

// Random lengths throughout; `wrong` decides which steps are wrong.
std::vector<Trace> TracesWhere(const Rule& wrong, uint32_t seed, int count = 300) {
  std::mt19937 random(seed);
  const auto between = [&](size_t low, size_t high) { return low + random() % (high - low + 1); };
  std::vector<Trace> traces;
  for (int i = 0; i < count; ++i) {
    Trace trace;
    trace.problem = std::string(between(20, 400), 'p');
    trace.steps.resize(between(2, 8));
    for (Step& step : trace.steps) step.text = std::string(between(5, 100), 's');
    for (size_t s = 0; s < trace.steps.size(); ++s) {
      trace.steps[s].label = wrong(trace, s) ? StepLabel::kIncorrect : StepLabel::kCorrectNecessary;
    }
    traces.push_back(trace);
  }
  return traces;
}

bool LongStep(const Trace& t, size_t s) { return t.steps[s].text.size() > 70; }
bool NeverWrong(const Trace&, size_t) { return false; }

TEST(TextFreeFloors, FindWhatEachQuantityGivesAway) {
  const struct {
    const char* quantity;
    Rule wrong;
    bool online;
  } cases[] = {
      {"step number", [](const Trace&, size_t s) { return s >= 3; }, true},
      {"step length", LongStep, true},
      {"problem length", [](const Trace& t, size_t) { return t.problem.size() > 250; }, true},
      {"length so far", [](const Trace& t, size_t s) { return TextBytes(t, s) > 150; }, true},
      {"trace length", [](const Trace& t, size_t) { return TextBytes(t, t.steps.size()) > 300; },
       false},
      {"relative place",
       [](const Trace& t, size_t s) { return double(s + 1) / double(t.steps.size()) > 0.55; },
       false},
      {"last step",  // after wrong ones: the relative position does not determine it
       [](const Trace& t, size_t s) {
         return s + 1 < t.steps.size() && double(s + 1) / double(t.steps.size()) > 0.55;
       },
       false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.quantity);
    const Floors floors = TextFreeFloors(TracesWhere(c.wrong, 1), TracesWhere(c.wrong, 2));
    EXPECT_GT(*floors.whole_auroc, 0.995);
    if (c.online) {
      EXPECT_GT(*floors.online_auroc, 0.995);
    } else {
      EXPECT_LT(*floors.online_auroc, 0.95);
    }
  }
}

TEST(TextFreeFloors, OnlineKnowsNothingOfLaterSteps) {
  const std::vector<Trace> train = TracesWhere(LongStep, 1);
  std::vector<Trace> whole = TracesWhere(LongStep, 2, 20), cut = whole;
  for (Trace& t : cut) t.steps.pop_back();
  for (Floor floor : {Floor::kOnline, Floor::kWhole}) {
    auto expected = *TextFreeScores(train, whole, floor);
    for (auto& scores : expected) scores.pop_back();
    EXPECT_EQ(TextFreeScores(train, cut, floor) == expected, floor == Floor::kOnline);
  }
}

TEST(TextFreeFloors, ReadNoWord) {
  const std::vector<Trace> train = TracesWhere(LongStep, 1);
  std::vector<Trace> plain = TracesWhere(LongStep, 2, 20), reworded = plain;
  for (Trace& t : reworded) {
    t.problem.assign(t.problem.size(), '7');
    for (Step& s : t.steps) s.text.assign(s.text.size(), '=');
  }
  for (Floor floor : {Floor::kOnline, Floor::kWhole}) {
    EXPECT_EQ(TextFreeScores(train, plain, floor), TextFreeScores(train, reworded, floor));
  }
}

TEST(TextFreeFloors, LearnFromAnnotatedStepsAndScoreAll) {
  std::vector<Trace> train = TracesWhere(LongStep, 1);
  const std::vector<Trace> test = TracesWhere(LongStep, 2, 20);
  const auto expected = TextFreeScores(train, test, Floor::kOnline);
  // For the online floor, a last step without a label is the same as an absent one.
  std::vector<Trace> cut = train;
  for (Trace& t : train) t.steps.back().label.reset();
  for (Trace& t : cut) t.steps.pop_back();
  const auto unannotated = TextFreeScores(train, test, Floor::kOnline);
  EXPECT_EQ(unannotated, TextFreeScores(cut, test, Floor::kOnline));
  EXPECT_NE(unannotated, expected);
  for (size_t t = 0; t < test.size(); ++t) {
    EXPECT_EQ((*unannotated)[t].size(), test[t].steps.size());
  }
}

TEST(TextFreeFloors, AreUndefinedWithoutBothClasses) {
  const std::vector<Trace> all_right = TracesWhere(NeverWrong, 1), both = TracesWhere(LongStep, 1);
  EXPECT_FALSE(TextFreeScores(all_right, both, Floor::kOnline));
  EXPECT_FALSE(TextFreeFloors(all_right, both).online_auroc);
  EXPECT_FALSE(TextFreeFloors(both, all_right).whole_auroc);
}

std::vector<Trace> SharedSteps(const std::string& name) {
  return ReadTraces(SharedData() / "steps" / (name + ".jsonl.xz"));
}

TEST(TextFreeFloors, AreTheRecordedOnesOnDev) {
  PRM_NEED_SHARED_DATA("steps/train.jsonl.xz");
  const Floors floors = TextFreeFloors(SharedSteps("train"), SharedSteps("dev"));
  EXPECT_NEAR(*floors.online_auroc, 0.612, 0.001);
  EXPECT_NEAR(*floors.whole_auroc, 0.709, 0.001);
}

std::vector<LabelledScores> Scored(std::span<const Trace> train, std::span<const Trace> test,
                                   Floor floor) {
  const auto scores = TextFreeScores(train, test, floor);
  std::vector<LabelledScores> scored;
  for (size_t t = 0; t < test.size(); ++t) {
    scored.push_back(LabelsOf(test[t]));
    scored.back().scores.p_correct = (*scores)[t];
  }
  return scored;
}

// A record of the results, not a target: nothing was chosen using this file.
TEST(TextFreeFloors, AreTheRecordedOnesOnProcessBench) {
  PRM_NEED_SHARED_DATA("steps/public_test_processbench_gsm8k.jsonl.xz");
  const std::vector<Trace> train = SharedSteps("train"), dev = SharedSteps("dev"),
                           test = SharedSteps("public_test_processbench_gsm8k");
  const struct {
    Floor floor;
    double auroc, f1;
  } recorded[] = {{Floor::kOnline, 0.687, 0.0}, {Floor::kWhole, 0.613, 0.131}};
  for (const auto& r : recorded) {
    const EvalReport report = Evaluate(Scored(train, test, r.floor), Scored(train, dev, r.floor));
    EXPECT_NEAR(*report.step_auroc, r.auroc, 0.001);
    EXPECT_NEAR(*report.f1_tuned, r.f1, 0.001);
  }
}

}  // namespace
}  // namespace prm
