// Counts of steps by verdict.
#pragma once

#include <array>
#include <cstdint>

#include "data/math_text/verdict.h"
#include "data/symbolic/step_checker.h"

namespace prm {

struct VerdictCounts {
  int64_t steps = 0;
  std::array<int64_t, 3> verdicts{};  // by Verdict
  int64_t all_ok = 0;                 // steps whose relations are all arith_ok
  int64_t soft = 0;                   // refuted against the context only
  std::array<int64_t, kNumReasons> reasons{};
  void Add(const StepCheck& check);
};

}  // namespace prm
