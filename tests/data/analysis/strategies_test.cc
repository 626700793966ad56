#include "data/analysis/strategies.h"

#include <gtest/gtest.h>

#include "data/analysis/paths.h"
#include "data/analysis/trace_analysis.h"
#include "data/synth/synth.h"

namespace prm {
namespace {

Trace MakeTrace(std::string domain, std::string problem, std::vector<std::string> steps) {
  Trace trace;
  trace.domain = std::move(domain);
  trace.problem = std::move(problem);
  for (std::string& text : steps) trace.steps.push_back({std::move(text), {}, {}});
  return trace;
}

TraceAnalysis Analyze(const Trace& trace) { return AnalyzeTrace(trace, Guidelines::Default()); }

std::string_view Suggest(std::string domain, std::vector<std::string> steps) {
  return Analyze(MakeTrace(std::move(domain), "p", std::move(steps))).suggestion.strategy;
}

TEST(Strategies, SynthesizedTracesAreTaggedFromTheListOfTheirDomain) {
  for (const Trace& trace : Synthesize({.count = 300})) {
    EXPECT_TRUE(IsStrategyOf(trace.strategy, trace.domain)) << trace.domain << trace.strategy;
    EXPECT_EQ(Guidelines::Default().Of(trace.domain).name, "mathematics") << trace.domain;
  }
}

TEST(Strategies, AValuePutInAtTheEndIsACheckOfTheResult) {
  const Trace trace = MakeTrace("math", "Solve 3x + 6 = 15.",
                                {"Subtract 6: 3x = 9.", "So x = 3.", "3(3) + 6 = 15."});
  EXPECT_EQ(Analyze(trace).suggestion.strategy, "algebraic_procedure");
}

TEST(Strategies, SomeWordsMustBeSaidInSeveralSteps) {
  EXPECT_EQ(Suggest("math", {"He eats 3 per day.", "That is 21 in all."}), "algebraic_procedure");
  EXPECT_EQ(Suggest("math", {"He eats 3 per day.", "That is 21 per week."}), "unit_ratio");
}

TEST(Strategies, ListsAreClosedByDomain) {
  EXPECT_TRUE(IsStrategyOf("inspect_verify", "math"));
  EXPECT_TRUE(IsStrategyOf("inspect_verify", "math-gsm8k"));
  EXPECT_FALSE(IsStrategyOf("precedent", "math"));
  EXPECT_TRUE(IsStrategyOf("precedent", "law"));
  EXPECT_TRUE(IsStrategyOf("differential_elimination", "medicine"));
  EXPECT_TRUE(IsStrategyOf("backward_chaining", "logic-x"));
  EXPECT_FALSE(IsStrategyOf("induction", "logic"));
  for (const char* domain : {"math", "logic", "law", "medicine", "", "nli"}) {
    EXPECT_EQ(StrategiesOf(domain).back(), kOtherStrategy);
  }
}

TEST(Strategies, WordsSpeakForThem) {
  EXPECT_EQ(Suggest("math", {"Suppose n is even.", "This is a contradiction."}), "contradiction");
  EXPECT_EQ(Suggest("math", {"Case 1: x > 0.", "Case 2: x < 0."}), "case_split");
  EXPECT_EQ(Suggest("math", {"We work backwards from the end."}), "backward");
  EXPECT_EQ(Suggest("math", {"Let us list all of them."}), "enumerate");
  EXPECT_EQ(Suggest("math", {"By the Pythagorean theorem it follows."}), "geometric");
  EXPECT_EQ(Suggest("math", {"The ratio of red to blue is fixed."}), "unit_ratio");
  EXPECT_EQ(Suggest("math", {"We use induction on n."}), "induction");
  EXPECT_EQ(Suggest("math", {"Nothing telling is said."}), "algebraic_procedure");
  EXPECT_EQ(Suggest("math", {"He tried hard to retry."}), "algebraic_procedure");
  EXPECT_EQ(Suggest("medicine", {"Infection is ruled out."}), "differential_elimination");
  EXPECT_EQ(Suggest("medicine", {"Fever and cough go together."}), "symptom_cluster");
  EXPECT_EQ(Suggest("law", {"In Smith v. Jones it was so."}), "precedent");
  EXPECT_EQ(Suggest("law", {"A promise binds."}), "first_principles");
  EXPECT_EQ(Suggest("nli", {"The man is outside."}), "forward");
}

// The motivating example: one problem, one answer, two ways.
TEST(Strategies, ProceduralAndInspectAndVerifyAreTwoWays) {
  const std::string problem = "Solve 3x + 6 = 15.";
  const TraceAnalysis procedural = Analyze(MakeTrace(
      "math", problem, {"Subtract 6 from both sides: 3x = 9.", "Divide both sides by 3: x = 3."}));
  const TraceAnalysis inspection =
      Analyze(MakeTrace("math", problem,
                        {"Try x = 2: 3(2) + 6 = 12, which is too small.",
                         "Try x = 3: 3(3) + 6 = 15, which works.", "So the answer is 3."}));
  EXPECT_EQ(procedural.suggestion.strategy, "algebraic_procedure");
  EXPECT_EQ(inspection.suggestion.strategy, "inspect_verify");
  const std::vector<Path> paths = {procedural.path, inspection.path};
  EXPECT_FALSE(paths[0].empty());
  EXPECT_EQ(PathClusters(paths), (std::vector{0, 1}))
      << PathText(paths[0]) << " | " << PathText(paths[1]);
}

}  // namespace
}  // namespace prm
