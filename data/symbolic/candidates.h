// Values tried for an unknown: "x = 3", then "3*3 + 6 = 15".
#pragma once

#include <cstddef>
#include <vector>

#include "data/algebra/equation_context.h"
#include "data/algebra/fraction.h"
#include "data/algebra/work_budget.h"

namespace prm {

// The candidates of this step and the one before.
class Candidates {
 public:
  void Clear();
  // Forgets the candidates of the step before the last.
  void StartStep();
  // Records the value if the equation gives an unknown one, also with a factor: 2x = 6.
  void Note(const Equation& equation, WorkBudget* work);
  // Whether left = right is an equation of `context` with a candidate substituted.
  bool Explain(const EquationContext& context, const Fraction& left, const Fraction& right,
               WorkBudget* work) const;
  bool empty() const { return values_.empty(); }

 private:
  struct Candidate {
    int symbol;
    Fraction value;
  };
  std::vector<Candidate> values_;
  size_t old_ = 0;  // of the step before
};

}  // namespace prm
