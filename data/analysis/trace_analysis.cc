#include "data/analysis/trace_analysis.h"

#include "data/error.h"
#include "data/math_text/verdict.h"
#include "data/symbolic/operations.h"
#include "data/symbolic/step_checker.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

constexpr size_t kMaxEvidenceBytes = 160;

// The relation that caused the conflict, as written in the step.
std::string RelationText(std::string_view step, const StepCheck& check) {
  for (const RelationCheck& relation : check.relations) {
    const bool telling =
        check.verdict != Verdict::kRefuted || relation.verdict == Verdict::kRefuted;
    if (!telling || relation.end > step.size() || relation.begin >= relation.end) continue;
    return StrCat(
        ClipText(step.substr(relation.begin, relation.end - relation.begin), kMaxEvidenceBytes),
        " (", ReasonName(relation.reason), ")");
  }
  return ClipText(step, kMaxEvidenceBytes);
}

Cell CellOf(const Trace& trace, const StrategySuggestion& suggestion, bool unknown_tag) {
  const std::string_view strategy = trace.strategy.empty() ? suggestion.strategy
                                    : unknown_tag          ? kOtherStrategy
                                                           : trace.strategy;
  return {std::string(strategy), trace.domain, DifficultyOf(trace)};
}

}  // namespace

TraceAnalysis AnalyzeTrace(const Trace& trace, const Guidelines& guidelines) {
  TraceAnalysis analysis;
  analysis.answer = CheckAnswer(trace);
  analysis.steps = JudgeSteps(trace);
  analysis.status = Combine(analysis.answer.verdict, analysis.steps);
  const bool calculation = SaysCalculationError(trace);
  StepChecker checker(trace.problem);
  StepLinter linter(trace.problem, guidelines.Of(trace.domain));
  std::vector<StepCheck> checks;
  std::vector<StepOperations> operations;
  for (size_t i = 0; i < trace.steps.size(); ++i) {
    const Step& step = trace.steps[i];
    checks.push_back(checker.Check(step.text));
    const StepCheck& check = checks.back();
    analysis.verdict_of_step.push_back(check.verdict);
    ++analysis.reasons[size_t(check.reason)];
    analysis.hard_refutations +=
        check.verdict == Verdict::kRefuted && check.severity == Severity::kHard;
    operations.push_back(OperationsOf(step.text, check));
    for (LintFinding& finding : linter.Next(step.text, check)) {
      analysis.lints.push_back(std::move(finding));
    }
    if (const auto conflict = FindConflict(step, calculation, check)) {
      analysis.conflicts.push_back(
          {*conflict, uint32_t(i), check.severity, RelationText(step.text, check)});
    }
  }
  analysis.path = PathOf(operations);
  analysis.suggestion = SuggestStrategy(trace, checks);
  analysis.unknown_strategy =
      !trace.strategy.empty() && !IsStrategyOf(trace.strategy, trace.domain);
  analysis.cell = CellOf(trace, analysis.suggestion, analysis.unknown_strategy);
  return analysis;
}

}  // namespace prm
