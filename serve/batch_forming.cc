#include "serve/batch_forming.h"

namespace prm {

BatchPlan FormBatch(std::span<const WaitingTrace> queue, SteadyTime now,
                    const BatchLimits& limits) {
  BatchPlan plan;
  int64_t tokens = 0;
  bool full = false;
  for (size_t i = 0; i < queue.size(); ++i) {
    if (queue[i].cancelled) {
      plan.cancelled.push_back(i);
    } else if (queue[i].deadline <= now) {
      plan.expired.push_back(i);
    } else if (!full) {
      const bool fits = tokens + queue[i].tokens <= limits.max_tokens &&
                        plan.batch.size() < size_t(limits.max_traces);
      if (fits || plan.batch.empty()) {
        plan.batch.push_back(i);
        tokens += queue[i].tokens;
      } else {
        full = true;
      }
    }
  }
  return plan;
}

}  // namespace prm
