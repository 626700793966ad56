#include "data/analysis/qa.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "data/math_text/verdict.h"
#include "data/text/ascii.h"

namespace prm {

std::string_view AnswerVerdictName(AnswerVerdict verdict) {
  constexpr std::array<std::string_view, kNumAnswerVerdicts> kNames = {"right", "wrong", "unknown"};
  return kNames[size_t(verdict)];
}

AnswerCheck CheckAnswer(const Trace& trace) {
  AnswerCheck check;
  if (trace.reference_answer && !trace.reference_answer->empty()) {
    check.found = trace.answer ? FoundAnswer{*trace.answer, AnswerSource::kGiven}
                               : ExtractAnswer(trace.steps.back().text);
    if (check.found) {
      check.verdict = AnswersMatch(check.found->text, *trace.reference_answer)
                          ? AnswerVerdict::kRight
                          : AnswerVerdict::kWrong;
    }
  }
  if (trace.final_correct) {
    const AnswerVerdict stated =
        *trace.final_correct ? AnswerVerdict::kRight : AnswerVerdict::kWrong;
    check.disputed = check.verdict != AnswerVerdict::kUnknown && check.verdict != stated;
    check.verdict = stated;
  }
  return check;
}

std::string_view StepsVerdictName(StepsVerdict verdict) {
  constexpr std::array<std::string_view, kNumStepsVerdicts> kNames = {
      "all_valid", "some_incomplete", "some_incorrect", "unlabelled"};
  return kNames[size_t(verdict)];
}

StepsVerdict JudgeSteps(const Trace& trace) {
  bool incomplete = false, unlabelled = false;
  for (const Step& step : trace.steps) {
    if (step.label == StepLabel::kIncorrect) return StepsVerdict::kSomeIncorrect;
    incomplete = incomplete || step.label == StepLabel::kIncomplete;
    unlabelled = unlabelled || !step.label;
  }
  if (incomplete) return StepsVerdict::kSomeIncomplete;
  if (trace.first_error && *trace.first_error >= 0) return StepsVerdict::kSomeIncorrect;
  if (trace.first_error == -1) return StepsVerdict::kAllValid;
  return unlabelled ? StepsVerdict::kUnlabelled : StepsVerdict::kAllValid;
}

std::string_view QaStatusName(QaStatus status) {
  constexpr std::array<std::string_view, kNumQaStatuses> kNames = {
      "pass",
      "conflict",
      "hold",
      "rework",
      "fail_right_answer_wrong_process",
      "fail_wrong_process",
      "fail_answer_unknown",
      "unlabelled"};
  return kNames[size_t(status)];
}

std::string_view QaRoute(QaStatus status) {
  switch (status) {
    case QaStatus::kConflict:
      return "adjudicator";
    case QaStatus::kHold:
      return "reviewer";
    case QaStatus::kRework:
    case QaStatus::kUnlabelled:
      return "annotator";
    default:
      return "none";
  }
}

QaStatus Combine(AnswerVerdict answer, StepsVerdict steps) {
  using enum QaStatus;
  if (steps == StepsVerdict::kUnlabelled) return kUnlabelled;
  if (steps == StepsVerdict::kSomeIncomplete) return kRework;
  const bool valid = steps == StepsVerdict::kAllValid;
  switch (answer) {
    case AnswerVerdict::kRight:
      return valid ? kPass : kFailRightAnswerWrongProcess;
    case AnswerVerdict::kWrong:
      return valid ? kConflict : kFailWrongProcess;
    case AnswerVerdict::kUnknown:
      break;
  }
  return valid ? kHold : kFailAnswerUnknown;
}

std::string_view SymbolicConflictName(SymbolicConflict conflict) {
  constexpr std::array<std::string_view, kNumSymbolicConflicts> kNames = {
      "correct_but_refuted", "correct_but_contradicts_context", "miscalculation_not_found"};
  return kNames[size_t(conflict)];
}

std::optional<SymbolicConflict> FindConflict(const Step& step, bool error_is_calculation,
                                             const StepCheck& check) {
  if (!step.label) return std::nullopt;
  if (IsCorrect(*step.label) && check.verdict == Verdict::kRefuted) {
    return check.severity == Severity::kHard ? SymbolicConflict::kCorrectButRefuted
                                             : SymbolicConflict::kCorrectButContradicts;
  }
  if (step.label == StepLabel::kIncorrect && error_is_calculation && check.AllOk()) {
    return SymbolicConflict::kMiscalculationNotFound;
  }
  return std::nullopt;
}

bool SaysCalculationError(const Trace& trace) {
  if (trace.meta_json.find("\"error_") == std::string::npos) return false;
  const auto meta = nlohmann::json::parse(trace.meta_json);
  for (const char* name : {"error_type", "error_category"}) {
    const auto member = meta.find(name);
    if (member == meta.end() || !member->is_string()) continue;
    const std::string type = ToLower(member->get<std::string>());
    if (type.find("calculation") != std::string::npos ||
        type.find("arithmetic") != std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace prm
