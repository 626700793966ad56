#include "data/algebra/univariate.h"

#include <algorithm>

namespace prm {

Univariate::Univariate(const Polynomial& polynomial, int symbol, WorkBudget* work)
    : Univariate(work) {
  int64_t denominators = 0;
  int64_t largest = 0;
  int degree = 0;
  for (const PolynomialTerm& term : polynomial.terms()) {
    denominators += term.coefficient.Words();
    largest = std::max(largest, term.coefficient.Words());
    degree = std::max(degree, term.monomial.ExponentOf(symbol));
  }
  SpendOnCoefficients(degree, denominators + largest);
  for (const PolynomialTerm& term : polynomial.terms()) {
    fmpq_poly_set_coeff_fmpq(value_, term.monomial.ExponentOf(symbol), term.coefficient.get());
  }
}

void Univariate::ReduceToRoots() {
  Univariate derivative(work_);
  Univariate common(work_);
  fmpq_poly_derivative(derivative.value_, value_);
  SpendOnPair(derivative);
  fmpq_poly_gcd(common.value_, value_, derivative.value_);
  SpendOnPair(common);
  fmpq_poly_div(value_, value_, common.value_);
  fmpq_poly_make_monic(value_, value_);
}

bool Univariate::DivideBy(const Univariate& divisor, Univariate* quotient) const {
  Univariate rest(work_);
  SpendOnPair(divisor);
  fmpq_poly_divrem(quotient->value_, rest.value_, value_, divisor.value_);
  return fmpq_poly_is_zero(rest.value_);
}

int64_t Univariate::CommonDegree(const Univariate& other) const {
  Univariate common(work_);
  SpendOnPair(other);
  fmpq_poly_gcd(common.value_, value_, other.value_);
  return common.degree();
}

bool Univariate::VanishesAtZeroOnly() const {
  Univariate power(work_);
  fmpq_poly_set_coeff_si(power.value_, degree(), 1);
  Univariate monic(work_);
  fmpq_poly_make_monic(monic.value_, value_);
  return fmpq_poly_equal(monic.value_, power.value_);
}

int64_t Univariate::Words() const {
  int64_t words = int64_t(fmpz_size(fmpq_poly_denref(value_)));
  for (slong i = 0; i <= degree(); ++i) {
    words = std::max(words, int64_t(fmpz_size(value_->coeffs + i)));
  }
  return std::max<int64_t>(words, 1);
}

void Univariate::SpendOnCoefficients(int64_t degree, int64_t words) const {
  constexpr int64_t kCostOfWord = 500;
  work_->Spend((degree + 1) * words * (kCostOfWord + 2 * words));
}

// Spends the cost of a division or a greatest common divisor. Each division step lengthens the
// remainder by one coefficient of the divisor.
void Univariate::SpendOnPair(const Univariate& other) const {
  const bool longer = degree() >= other.degree();
  const Univariate& a = longer ? *this : other;
  const Univariate& b = longer ? other : *this;
  const int64_t steps = a.degree() - std::max<int64_t>(b.degree(), 0) + 1;
  SpendOnCoefficients(a.degree(), a.Words() + steps * b.Words());
}

}  // namespace prm
