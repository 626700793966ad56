// Two-level quality assurance: the answer, then every step, combined into a status of the trace.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/answers/answers.h"
#include "data/symbolic/step_checker.h"
#include "data/trace.h"

namespace prm {

// Level 1.
enum class AnswerVerdict : uint8_t { kRight, kWrong, kUnknown };
inline constexpr int kNumAnswerVerdicts = 3;
std::string_view AnswerVerdictName(AnswerVerdict verdict);

struct AnswerCheck {
  AnswerVerdict verdict = AnswerVerdict::kUnknown;
  // The answer compared with the reference; nullopt if none was compared, as when the trace only
  // states `final_correct`.
  std::optional<FoundAnswer> found;
  // `final_correct` contradicts the comparison: the verdict is `final_correct`, and a person must
  // decide.
  bool disputed = false;
};
// Uses `final_correct` if it is stated. Otherwise compares the trace's answer, or the one its last
// step ends with, with the reference answer (AnswersMatch). Otherwise unknown.
AnswerCheck CheckAnswer(const Trace& trace);

// Level 2.
enum class StepsVerdict : uint8_t {
  kAllValid,
  kSomeIncomplete,
  kSomeIncorrect,  // also an error of unknown kind
  kUnlabelled,     // no error known, and not every step known to be valid
};
inline constexpr int kNumStepsVerdicts = 4;
std::string_view StepsVerdictName(StepsVerdict verdict);
// From labels and the stated first error. Steps after an error need no label.
StepsVerdict JudgeSteps(const Trace& trace);

enum class QaStatus : uint8_t {
  kPass,                         // positive set
  kConflict,                     // valid chain, wrong answer: labels or answer key are off
  kHold,                         // valid chain, answer unknown
  kRework,                       // some step incomplete
  kFailRightAnswerWrongProcess,  // reward-model negative, never in the positive set
  kFailWrongProcess,
  kFailAnswerUnknown,
  kUnlabelled,  // level 2 not done
};
inline constexpr int kNumQaStatuses = 8;
// "pass", "conflict", "hold", "rework", "fail_right_answer_wrong_process", ...
std::string_view QaStatusName(QaStatus status);
// Who acts next: "none", "adjudicator", "reviewer", "annotator".
std::string_view QaRoute(QaStatus status);

// The decision table: a right answer reached through an invalid step fails; a valid chain cannot
// end in a wrong answer.
QaStatus Combine(AnswerVerdict answer, StepsVerdict steps);

// Contradictions between people and the symbolic checker: for review, never a label.
enum class SymbolicConflict : uint8_t {
  kCorrectButRefuted,       // labelled correct, but arithmetic or an identity in it is false
  kCorrectButContradicts,   // labelled correct, but it contradicts earlier equations: a hint
  kMiscalculationNotFound,  // called a calculation error, but all relations hold
};
inline constexpr int kNumSymbolicConflicts = 3;
std::string_view SymbolicConflictName(SymbolicConflict conflict);
// Whether a conflict more often has another explanation (a letter reused, a value substituted).
// Hints are shown on request, not counted as findings, and routed to nobody.
constexpr bool IsHint(SymbolicConflict conflict) {
  return conflict == SymbolicConflict::kCorrectButContradicts;
}

// `error_is_calculation`: the source reports that the trace's error is one of calculation.
std::optional<SymbolicConflict> FindConflict(const Step& step, bool error_is_calculation,
                                             const StepCheck& check);

// Whether meta names an error type of calculation or arithmetic.
bool SaysCalculationError(const Trace& trace);

}  // namespace prm
