// Two-level quality assurance: the answer, then every step, combined into what becomes of a trace.
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
  // What was compared with the reference answer; nullopt: nothing was, or the trace only states
  // `final_correct`.
  std::optional<FoundAnswer> found;
  // `final_correct` says one thing and the comparison another: the verdict is `final_correct`, and
  // a person has to look.
  bool disputed = false;
};
// `final_correct` where it is stated; else the trace's answer, or the one that its last step ends
// with, against the reference answer (AnswersMatch); else unknown.
AnswerCheck CheckAnswer(const Trace& trace);

// Level 2.
enum class StepsVerdict : uint8_t {
  kAllValid,
  kSomeIncomplete,
  kSomeIncorrect,  // also an error of unknown kind
  kUnlabelled,     // no error known, and not every step is known to be valid
};
inline constexpr int kNumStepsVerdicts = 4;
std::string_view StepsVerdictName(StepsVerdict verdict);
// From labels and the stated first error. Steps behind an error need no label.
StepsVerdict JudgeSteps(const Trace& trace);

enum class QaStatus : uint8_t {
  kPass,                         // positive set
  kConflict,                     // valid chain, wrong answer: labels or answer key are off
  kHold,                         // valid chain, answer unknown
  kRework,                       // some step incomplete
  kFailRightAnswerWrongProcess,  // reward-model negative, never in the positive set
  kFailWrongProcess,
  kFailAnswerUnknown,
  kUnlabelled,  // level 2 has not been done
};
inline constexpr int kNumQaStatuses = 8;
// "pass", "conflict", "hold", "rework", "fail_right_answer_wrong_process", ...
std::string_view QaStatusName(QaStatus status);
// Who has the next word: "none", "adjudicator", "reviewer", "annotator".
std::string_view QaRoute(QaStatus status);

// The table: a right answer reached through an invalid step fails; a valid chain cannot end wrong.
QaStatus Combine(AnswerVerdict answer, StepsVerdict steps);

// Where people and the symbolic checker contradict each other: for review, never a label.
enum class SymbolicConflict : uint8_t {
  kCorrectButRefuted,       // labelled correct, and arithmetic or an identity in it is false
  kCorrectButContradicts,   // labelled correct, and it contradicts the equations before it: a hint
  kMiscalculationNotFound,  // called a calculation error, and all relations hold
};
inline constexpr int kNumSymbolicConflicts = 3;
std::string_view SymbolicConflictName(SymbolicConflict conflict);
// Whether a conflict has another explanation more often than not (a letter used again, a value put
// in): shown to who looks for it, counted among no findings, routed to nobody.
constexpr bool IsHint(SymbolicConflict conflict) {
  return conflict == SymbolicConflict::kCorrectButContradicts;
}

// `error_is_calculation`: the source says that the trace's error is one of calculation.
std::optional<SymbolicConflict> FindConflict(const Step& step, bool error_is_calculation,
                                             const StepCheck& check);

// Whether meta names an error type of calculation or arithmetic.
bool SaysCalculationError(const Trace& trace);

}  // namespace prm
