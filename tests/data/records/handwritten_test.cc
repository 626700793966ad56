// Checks the documented properties of data/handwritten.jsonl.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "data/analysis/strategies.h"
#include "data/records/trace_reader.h"
#include "tests/data/synth/equation_check.h"
#include "tests/source_dir.h"

namespace prm {
namespace {

const std::vector<Trace>& Handwritten() {
  static const std::vector<Trace> kTraces = ReadTraces(SourceDir() / "data" / "handwritten.jsonl");
  return kTraces;
}

// "hw/math-01" of "hw/math-01/a".
std::string ProblemId(const Trace& trace) { return trace.id.substr(0, trace.id.rfind('/')); }

bool IsValidPath(const Trace& trace) {
  return trace.final_correct.value() && trace.first_error == -1;
}

TEST(Handwritten, CoversFiveDomainsWithEnoughTracesAndAllLabels) {
  std::map<std::string, std::set<std::string>> problems_of_domain;
  std::set<std::string> ids;
  std::map<StepLabel, int> labels;
  for (const Trace& trace : Handwritten()) {
    problems_of_domain[trace.domain].insert(ProblemId(trace));
    EXPECT_TRUE(ids.insert(trace.id).second) << trace.id;
    EXPECT_TRUE(IsStrategyOf(trace.strategy, trace.domain)) << trace.id << " " << trace.strategy;
    for (const Step& step : trace.steps) {
      if (step.label) ++labels[*step.label];
    }
  }
  EXPECT_GE(ids.size(), 40u);
  for (const char* domain : {"math", "medicine", "law", "finance", "science"}) {
    EXPECT_GE(problems_of_domain[domain].size(), 3u) << domain;
  }
  EXPECT_EQ(problems_of_domain.size(), 5u);
  for (const StepLabel label : {StepLabel::kCorrectNecessary, StepLabel::kCorrectRedundant,
                                StepLabel::kIncorrect, StepLabel::kIncomplete}) {
    EXPECT_GE(labels[label], 15) << kLabelNames[static_cast<int>(label)];
  }
}

TEST(Handwritten, EveryProblemHasSeveralValidPathsAndFlawedOnes) {
  std::map<std::string, std::vector<const Trace*>> traces_of_problem;
  for (const Trace& trace : Handwritten()) traces_of_problem[ProblemId(trace)].push_back(&trace);
  EXPECT_GE(traces_of_problem.size(), 12u);
  for (const auto& [problem, traces] : traces_of_problem) {
    std::set<std::string> valid_strategies;
    int flawed = 0;
    for (const Trace* trace : traces) {
      EXPECT_EQ(trace->problem, traces.front()->problem) << trace->id;
      EXPECT_EQ(trace->reference_answer, traces.front()->reference_answer) << trace->id;
      EXPECT_EQ(trace->domain, traces.front()->domain) << trace->id;
      if (IsValidPath(*trace)) {
        valid_strategies.insert(trace->strategy);
      } else {
        ++flawed;
      }
    }
    EXPECT_GE(valid_strategies.size(), 2u) << problem;
    EXPECT_GE(flawed, 1) << problem;
  }
}

TEST(Handwritten, RightAnswersThroughWrongStepsComeFromEveryDomain) {
  std::set<std::string> domains;
  for (const Trace& trace : Handwritten()) {
    const int first_error = trace.first_error.value();
    if (first_error < 0 || !*trace.final_correct) continue;
    if (trace.steps[first_error].label == StepLabel::kIncorrect) domains.insert(trace.domain);
  }
  EXPECT_EQ(domains.size(), 5u);
}

TEST(Handwritten, LabelsStopAtTheFirstErrorAndAgreeWithTheAnswer) {
  for (const Trace& trace : Handwritten()) {
    const int first_error = trace.first_error.value();
    EXPECT_EQ(first_error, FirstLabelledError(trace)) << trace.id;
    for (int i = 0; i < static_cast<int>(trace.steps.size()); ++i) {
      const bool labelled = first_error < 0 || i <= first_error;
      EXPECT_EQ(trace.steps[i].label.has_value(), labelled) << trace.id << " step " << i;
    }
    EXPECT_EQ(*trace.final_correct, trace.answer == trace.reference_answer) << trace.id;
    if (first_error < 0) {
      EXPECT_TRUE(*trace.final_correct) << trace.id << ": a valid chain cannot end wrong";
    }
  }
}

TEST(Handwritten, EquationsOfCorrectStepsHold) {
  int checked = 0;
  for (const Trace& trace : Handwritten()) {
    for (size_t i = 0; i < trace.steps.size(); ++i) {
      const Step& step = trace.steps[i];
      if (!step.label || !IsCorrect(*step.label)) continue;
      const EquationReport report = EquationChecker().Check(step.text);
      checked += report.checked;
      for (const std::string& run : report.refuted) {
        ADD_FAILURE() << trace.id << " step " << i << ": " << run;
      }
    }
  }
  EXPECT_GE(checked, 120);
}

TEST(EquationChecker, SeesWhatIsFalseAndWhatIsMissing) {
  EXPECT_EQ(EquationChecker().Check("so 3 × 4 + 2 = 14 pens").checked, 1);
  EXPECT_TRUE(EquationChecker().Check("so 3 × 4 + 2 = 14 pens.").refuted.empty());
  EXPECT_EQ(EquationChecker().Check("so 3 × (4 + 2) = 14 pens").refuted.size(), 1u);
  EXPECT_EQ(EquationChecker().Check("1.1^2 = 1.21 and 12,500 / 5% = 250000").checked, 2);
  EXPECT_TRUE(EquationChecker().Check("1.1^2 = 1.21, 12,500 / 5% = 250000").refuted.empty());
  EXPECT_EQ(EquationChecker().Check("40 ÷ 5 = 8 = 9").refuted.size(), 1u);
  EXPECT_EQ(EquationChecker().Check("each holds 3 * 4 =").unclosed.size(), 1u);
  EXPECT_EQ(EquationChecker(3).Check("3x + 6 = 15 and 2(x + 1) = 8").checked, 2);
  EXPECT_TRUE(EquationChecker(3).Check("3x + 6 = 15 and 2(x + 1) = 8").refuted.empty());
  EXPECT_EQ(EquationChecker(4).Check("3x = 9").refuted.size(), 1u);
  EXPECT_EQ(EquationChecker().Check("3x = 15 - 6 = 8").refuted.size(), 1u);
}

}  // namespace
}  // namespace prm
