#include "data/symbolic/step_checker.h"

#include <algorithm>
#include <cstdint>

#include "data/algebra/work_budget.h"
#include "data/symbolic/context_check.h"
#include "data/symbolic/relation_check.h"

namespace prm {
namespace {

constexpr size_t kMaxStepBytes = 16384;
constexpr size_t kMaxProblemBytes = 65536;

// A supposition opens a frame, once per sentence; the rest of the step is checked in it.
bool OpensFrame(const FoundRelation& found, uint32_t* trial_sentence) {
  if (!found.cues.trial || found.sentence.first == *trial_sentence) return false;
  *trial_sentence = found.sentence.first;
  return true;
}

// Derives the step's verdict from its relations.
void Conclude(StepCheck* check) {
  // Calculator marks come last in the tokens; sorting restores the order of the text.
  std::stable_sort(
      check->relations.begin(), check->relations.end(),
      [](const RelationCheck& a, const RelationCheck& b) { return a.begin < b.begin; });
  for (const RelationCheck& relation : check->relations) {
    check->severity = std::max(check->severity, relation.severity);
    const bool better =
        relation.verdict > check->verdict || check->reason == Reason::kNoRelation ||
        (relation.verdict == check->verdict && relation.reason == Reason::kCandidateVerified);
    if (better) {
      check->verdict = relation.verdict;
      check->reason = relation.reason;
    }
  }
}

StepCheck TooBig() {
  StepCheck check;
  check.reason = Reason::kTooBig;
  return check;
}

}  // namespace

struct StepChecker::State {
  explicit State(const StepCheckOptions& step_options) : options(step_options) {}

  StepCheckOptions options;
  TraceContext context;
  Workspace workspace;
  // Buffers, refilled for each step and each relation.
  ParsedStep step;
  ExpressionArena arena;

  void ReadProblem(std::string_view problem);
  StepCheck Check(std::string_view text);
};

void StepChecker::State::ReadProblem(std::string_view problem) {
  workspace.symbols.Clear();
  workspace.work.Refill();
  context.Forget();
  context.candidates.Clear();
  if (problem.find('=') == problem.npos || !step.Read(problem, kMaxProblemBytes)) return;
  for (const FoundRelation& found : step.relations) {
    TakeEquation(step, found, &arena, &workspace, &context);
  }
}

StepCheck StepChecker::State::Check(std::string_view text) {
  if (!step.Read(text, kMaxStepBytes)) return TooBig();
  workspace.work.Refill();
  if (Retracts(step.view())) context.Forget();
  context.candidates.StartStep();
  StepCheck check;
  check.relations.reserve(step.relations.size());
  uint32_t trial_sentence = UINT32_MAX;
  Reason before = Reason::kNoRelation;
  for (const FoundRelation& found : step.relations) {
    if (OpensFrame(found, &trial_sentence)) context.StartFrame(&workspace.work);
    check.relations.push_back(
        CheckRelation(step, found, before, options, &arena, &workspace, &context));
    before = check.relations.back().reason;
  }
  Conclude(&check);
  return check;
}

StepChecker::StepChecker(std::string_view problem, const StepCheckOptions& options)
    : state_(std::make_unique<State>(options)) {
  state_->ReadProblem(problem);
}
StepChecker::~StepChecker() = default;
StepChecker::StepChecker(StepChecker&&) noexcept = default;
StepChecker& StepChecker::operator=(StepChecker&&) noexcept = default;

StepCheck StepChecker::Check(std::string_view step) { return state_->Check(step); }

void StepChecker::Reset(std::string_view problem) { state_->ReadProblem(problem); }

}  // namespace prm
