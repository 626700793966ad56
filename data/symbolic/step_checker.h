// Symbolic checks of mathematics steps written in prose: what can be refuted, what adds up.
#pragma once

#include <memory>
#include <string_view>

#include "data/symbolic/step_check.h"

namespace prm {

// Checks the steps of one trace in order, keeping the equations that earlier steps established.
// Any bytes are accepted and answered within bounded time and memory, whatever came before: what is
// too long, too deep or too big, or needs more work than WorkBudget has for a step, is kTooBig.
// Used by one thread at a time. Source: the relations are rational functions over Q; equations are
// compared by reduced row echelon form with monomials as columns, closed irrational values by ball
// arithmetic (Johansson 2017, "Arb: efficient arbitrary-precision midpoint-radius interval
// arithmetic", section 2).
class StepChecker {
 public:
  explicit StepChecker(std::string_view problem, const StepCheckOptions& options = {});
  ~StepChecker();
  StepChecker(StepChecker&&) noexcept;
  StepChecker& operator=(StepChecker&&) noexcept;

  // The next step; its equations join the context.
  StepCheck Check(std::string_view step);

  // As a new checker of another problem, with the buffers kept.
  void Reset(std::string_view problem);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace prm
