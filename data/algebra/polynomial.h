// Sparse polynomials over Q and quotients of them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/algebra/expression.h"
#include "data/algebra/fraction.h"
#include "data/algebra/work_budget.h"

namespace prm {

// A product of powers of variables, at most kMaxVariables different ones.
struct Monomial {
  static constexpr int kMaxVariables = 6;
  struct Factor {
    uint8_t symbol = 0;  // id + 1; 0: none
    uint8_t exponent = 0;
    friend auto operator<=>(const Factor&, const Factor&) = default;
  };
  std::array<Factor, kMaxVariables> factors = {};  // sorted by symbol; unused ones last

  int Degree() const;
  bool IsOne() const { return factors[0].symbol == 0; }
  // 0 if the symbol does not occur.
  int ExponentOf(int symbol) const;
  friend auto operator<=>(const Monomial&, const Monomial&) = default;
};

struct PolynomialTerm {
  Monomial monomial;
  Fraction coefficient;  // nonzero
};

// Throws WorkBudget::Exceeded if an operation costs more than `work` has left.
class Polynomial {
 public:
  static constexpr size_t kMaxTerms = 200;
  static constexpr int kMaxDegree = 60;

  Polynomial() = default;
  explicit Polynomial(Fraction constant);
  static Polynomial Variable(int symbol);

  const std::vector<PolynomialTerm>& terms() const { return terms_; }  // leading monomial first
  bool IsZero() const { return terms_.empty(); }
  bool IsConstant() const { return terms_.empty() || (terms_.size() == 1 && IsLastConstant()); }
  // The constant term.
  Fraction ConstantTerm() const {
    return IsLastConstant() ? terms_.back().coefficient : Fraction();
  }
  int Degree() const;
  // The id of its only variable; -1 if it has none, -2 if more than one.
  int OnlySymbol() const;
  bool Contains(int symbol) const;

  // Approximate size in memory, in machine words.
  int64_t Words() const;

  void AddTerm(const PolynomialTerm& term, WorkBudget* work) {
    *this = Sum(*this, Of(term), Fraction(1), work);
  }
  static Polynomial Difference(const Polynomial& a, const Polynomial& b, WorkBudget* work) {
    return Sum(a, b, Fraction(-1), work);
  }
  Polynomial Scaled(const Fraction& factor, WorkBudget* work) const;
  // Returns false past the limits on terms, degree, variables or Fraction::kMaxBits.
  static bool Multiply(const Polynomial& a, const Polynomial& b, Polynomial* product,
                       WorkBudget* work);
  // Replaces `symbol` by `value`; returns false past the limits.
  bool Substitute(int symbol, const Fraction& value, Polynomial* result, WorkBudget* work) const;

  // a + factor * b.
  static Polynomial Sum(const Polynomial& a, const Polynomial& b, const Fraction& factor,
                        WorkBudget* work);

  std::string ToText(const SymbolTable& symbols) const;
  // Spends the cost of ToText.
  void SpendOnText(WorkBudget* work) const;

 private:
  static Polynomial Of(const PolynomialTerm& term);
  bool IsLastConstant() const { return !terms_.empty() && terms_.back().monomial.IsOne(); }

  std::vector<PolynomialTerm> terms_;
};

// num / den; den is not the zero polynomial. Not reduced.
struct RationalFunction {
  Polynomial num;
  Polynomial den = Polynomial(Fraction(1));

  int64_t Words() const { return num.Words() + den.Words(); }
  void SpendOnText(WorkBudget* work) const {
    num.SpendOnText(work);
    den.SpendOnText(work);
  }
};

}  // namespace prm
