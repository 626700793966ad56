// Symbolic checks of mathematics steps in prose: what can be refuted, what holds.
#pragma once

#include <memory>
#include <string_view>

#include "data/symbolic/step_check.h"

namespace prm {

// Checks the steps of one trace in order and keeps the equations that earlier steps established.
// Accepts any bytes; time and memory are bounded, whatever came before: input that is too long,
// deep or big, or exceeds a step's WorkBudget, is kTooBig. Used by one thread at a time. Source:
// relations are rational functions over Q; equations are compared by reduced row echelon form with
// monomials as columns, closed irrational values by ball arithmetic (Johansson 2017, "Arb:
// efficient arbitrary-precision midpoint-radius interval arithmetic", section 2).
class StepChecker {
 public:
  explicit StepChecker(std::string_view problem, const StepCheckOptions& options = {});
  ~StepChecker();
  StepChecker(StepChecker&&) noexcept;
  StepChecker& operator=(StepChecker&&) noexcept;

  // Checks the next step and adds its equations to the context.
  StepCheck Check(std::string_view step);

  // Resets to the state of a new checker for `problem`; keeps the buffers.
  void Reset(std::string_view problem);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace prm
