#include "data/symbolic/verdict_counts.h"

namespace prm {

void VerdictCounts::Add(const StepCheck& check) {
  ++steps;
  ++verdicts[size_t(check.verdict)];
  ++reasons[size_t(check.reason)];
  all_ok += check.AllOk();
  soft += check.severity == Severity::kSoft;
}

}  // namespace prm
