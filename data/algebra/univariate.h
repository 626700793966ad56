// Polynomials in one variable: roots, common roots.
#pragma once

#include <flint/fmpq_poly.h>

#include <cstdint>

#include "data/algebra/polynomial.h"
#include "data/algebra/work_budget.h"

namespace prm {

// FLINT's form: integer coefficients over one denominator. Throws WorkBudget::Exceeded if an
// operation costs more than the budget has left.
class Univariate {
 public:
  explicit Univariate(WorkBudget* work) : work_(work) { fmpq_poly_init(value_); }
  // `symbol` is the only variable of `polynomial`.
  Univariate(const Polynomial& polynomial, int symbol, WorkBudget* work);
  ~Univariate() { fmpq_poly_clear(value_); }
  Univariate(const Univariate&) = delete;
  Univariate& operator=(const Univariate&) = delete;

  // Reduces every root to multiplicity one.
  void ReduceToRoots();
  // Whether `divisor` divides this without remainder; if so, sets *quotient.
  bool DivideBy(const Univariate& divisor, Univariate* quotient) const;
  // Degree of the greatest common divisor.
  int64_t CommonDegree(const Univariate& other) const;
  int64_t degree() const { return fmpq_poly_degree(value_); }
  // Whether its only root is zero.
  bool VanishesAtZeroOnly() const;

 private:
  int64_t Words() const;  // of the longest coefficient
  void SpendOnCoefficients(int64_t degree, int64_t words) const;
  void SpendOnPair(const Univariate& other) const;

  fmpq_poly_t value_;
  WorkBudget* work_;
};

}  // namespace prm
