#include "data/symbolic/step_check.h"

#include <algorithm>

namespace prm {

bool StepCheck::AllOk() const {
  return !relations.empty() &&
         std::all_of(relations.begin(), relations.end(),
                     [](const RelationCheck& r) { return r.verdict == Verdict::kArithOk; });
}

}  // namespace prm
