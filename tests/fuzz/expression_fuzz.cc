// Any bytes as a problem, steps and an expression: answered, never refused, within the limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "data/math_text/verdict.h"
#include "data/symbolic/operations.h"
#include "data/symbolic/step_checker.h"
#include "data/synth/corruption.h"

namespace {

// Spans lie in the step and verdicts go together with their severity.
void Demand(bool holds) {
  if (!holds) std::abort();
}

void CheckOne(prm::StepChecker& checker, std::string_view step) {
  const prm::StepCheck check = checker.Check(step);
  for (const prm::RelationCheck& relation : check.relations) {
    Demand(relation.begin <= relation.end && relation.end <= step.size());
    Demand((relation.verdict == prm::Verdict::kRefuted) ==
           (relation.severity != prm::Severity::kNone));
    Demand(relation.verdict <= check.verdict);
  }
  prm::OperationsOf(step, check);
  prm::SynthRandom random(step.size());
  prm::CorruptStep(step, check, &random);
}

}  // namespace

// Lines are steps; the first is the problem too.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  prm::StepChecker checker(text.substr(0, text.find('\n')));
  CheckOne(checker, text);
  constexpr int kMaxSteps = 50;
  for (int i = 0; i < kMaxSteps && !text.empty(); ++i) {
    const size_t end = text.find('\n');
    CheckOne(checker, text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return 0;
}
