#include "data/algebra/polynomial.h"

#include <algorithm>

namespace prm {
namespace {

constexpr int kMaxExponent = 255;

// Cost of copying, comparing or sorting a term, besides its coefficient.
constexpr int64_t kTermCost = 40;
constexpr int64_t kTermWords = 4;

// Returns false if the product has too many variables or too high a power.
bool MultiplyMonomials(const Monomial& a, const Monomial& b, Monomial* product) {
  *product = {};
  size_t i = 0;
  size_t j = 0;
  size_t n = 0;
  constexpr size_t kMax = Monomial::kMaxVariables;
  const auto symbol = [](const Monomial& m, size_t k) {
    return k < kMax ? m.factors[k].symbol : uint8_t{0};
  };
  while (symbol(a, i) != 0 || symbol(b, j) != 0) {
    if (n == kMax) return false;
    const uint8_t left = symbol(a, i);
    const uint8_t right = symbol(b, j);
    int exponent = 0;
    const uint8_t next = left == 0 ? right : right == 0 ? left : std::min(left, right);
    if (left == next) exponent += a.factors[i++].exponent;
    if (right == next) exponent += b.factors[j++].exponent;
    if (exponent > kMaxExponent) return false;
    product->factors[n++] = {next, uint8_t(exponent)};
  }
  return true;
}

}  // namespace

int Monomial::Degree() const {
  int degree = 0;
  for (const Factor& factor : factors) degree += factor.exponent;
  return degree;
}

int Monomial::ExponentOf(int symbol) const {
  for (const Factor& factor : factors) {
    if (factor.symbol == symbol + 1) return factor.exponent;
  }
  return 0;
}

Polynomial::Polynomial(Fraction constant) {
  if (!constant.IsZero()) terms_.push_back({{}, std::move(constant)});
}

Polynomial Polynomial::Variable(int symbol) {
  PolynomialTerm term{{}, Fraction(1)};
  term.monomial.factors[0] = {uint8_t(symbol + 1), 1};
  return Of(term);
}

Polynomial Polynomial::Of(const PolynomialTerm& term) {
  Polynomial polynomial;
  polynomial.terms_.push_back(term);
  return polynomial;
}

int Polynomial::Degree() const {
  int degree = 0;
  for (const PolynomialTerm& term : terms_) degree = std::max(degree, term.monomial.Degree());
  return degree;
}

int Polynomial::OnlySymbol() const {
  int only = -1;
  for (const PolynomialTerm& term : terms_) {
    for (const Monomial::Factor& factor : term.monomial.factors) {
      if (factor.symbol == 0) break;
      if (only >= 0 && only != factor.symbol - 1) return -2;
      only = factor.symbol - 1;
    }
  }
  return only;
}

bool Polynomial::Contains(int symbol) const {
  return std::any_of(terms_.begin(), terms_.end(), [&](const PolynomialTerm& term) {
    return term.monomial.ExponentOf(symbol) > 0;
  });
}

int64_t Polynomial::Words() const {
  int64_t words = 0;
  for (const PolynomialTerm& term : terms_) words += kTermWords + term.coefficient.Words();
  return words;
}

Polynomial Polynomial::Sum(const Polynomial& a, const Polynomial& b, const Fraction& factor,
                           WorkBudget* work) {
  Polynomial sum;
  work->Spend(kTermCost * int64_t(a.terms_.size() + b.terms_.size()) + 2 * a.Words());
  sum.terms_.reserve(a.terms_.size() + b.terms_.size());
  size_t i = 0;
  size_t j = 0;
  while (i < a.terms_.size() || j < b.terms_.size()) {
    const bool take_a = i < a.terms_.size();
    const bool take_b = j < b.terms_.size();
    if (take_a && (!take_b || a.terms_[i].monomial > b.terms_[j].monomial)) {
      sum.terms_.push_back(a.terms_[i++]);
    } else if (take_b && (!take_a || b.terms_[j].monomial > a.terms_[i].monomial)) {
      work->SpendOn(b.terms_[j].coefficient, factor);
      sum.terms_.push_back({b.terms_[j].monomial, b.terms_[j].coefficient * factor});
      ++j;
    } else {
      work->SpendOn(b.terms_[j].coefficient, factor);
      const Fraction added = b.terms_[j].coefficient * factor;
      work->SpendOn(a.terms_[i].coefficient, added);
      Fraction c = a.terms_[i].coefficient + added;
      if (!c.IsZero()) sum.terms_.push_back({a.terms_[i].monomial, std::move(c)});
      ++i;
      ++j;
    }
  }
  return sum;
}

Polynomial Polynomial::Scaled(const Fraction& factor, WorkBudget* work) const {
  Polynomial scaled;
  if (factor.IsZero()) return scaled;
  scaled.terms_.reserve(terms_.size());
  for (const PolynomialTerm& term : terms_) {
    work->SpendOn(term.coefficient, factor);
    scaled.terms_.push_back({term.monomial, term.coefficient * factor});
  }
  return scaled;
}

bool Polynomial::Multiply(const Polynomial& a, const Polynomial& b, Polynomial* product,
                          WorkBudget* work) {
  Polynomial result;
  if (a.terms_.size() * b.terms_.size() > kMaxTerms * kMaxTerms / 4) return false;
  if (a.Degree() + b.Degree() > kMaxDegree) return false;
  // Includes sorting each product into place.
  work->Spend(3 * kTermCost * int64_t(a.terms_.size() * b.terms_.size()));
  result.terms_.reserve(a.terms_.size() * b.terms_.size());
  for (const PolynomialTerm& left : a.terms_) {
    for (const PolynomialTerm& right : b.terms_) {
      if (left.coefficient.Bits() + right.coefficient.Bits() > Fraction::kMaxBits) return false;
      PolynomialTerm& term = result.terms_.emplace_back();
      work->SpendOn(left.coefficient, right.coefficient);
      if (!MultiplyMonomials(left.monomial, right.monomial, &term.monomial)) return false;
      term.coefficient = left.coefficient * right.coefficient;
    }
  }
  std::sort(
      result.terms_.begin(), result.terms_.end(),
      [](const PolynomialTerm& x, const PolynomialTerm& y) { return x.monomial > y.monomial; });
  size_t kept = 0;
  for (size_t i = 0; i < result.terms_.size();) {
    PolynomialTerm term = std::move(result.terms_[i++]);
    while (i < result.terms_.size() && result.terms_[i].monomial == term.monomial) {
      work->SpendOn(term.coefficient, result.terms_[i].coefficient);
      term.coefficient = term.coefficient + result.terms_[i++].coefficient;
    }
    if (!term.coefficient.IsZero()) result.terms_[kept++] = std::move(term);
  }
  result.terms_.resize(kept);
  if (kept > kMaxTerms) return false;
  *product = std::move(result);
  return true;
}

bool Polynomial::Substitute(int symbol, const Fraction& value, Polynomial* result,
                            WorkBudget* work) const {
  Polynomial substituted;
  for (const PolynomialTerm& term : terms_) {
    const int exponent = term.monomial.ExponentOf(symbol);
    if (exponent == 0) {
      substituted.AddTerm(term, work);
      continue;
    }
    if (value.IsZero()) continue;
    if (value.Bits() * exponent + term.coefficient.Bits() > Fraction::kMaxBits) return false;
    work->SpendOnPower(value, exponent);
    const Fraction power = value.Power(exponent);
    work->SpendOn(term.coefficient, power);
    PolynomialTerm rest{{}, term.coefficient * power};
    size_t n = 0;
    for (const Monomial::Factor& factor : term.monomial.factors) {
      if (factor.symbol != 0 && factor.symbol != symbol + 1) rest.monomial.factors[n++] = factor;
    }
    substituted.AddTerm(rest, work);
  }
  *result = std::move(substituted);
  return true;
}

void Polynomial::SpendOnText(WorkBudget* work) const {
  constexpr int64_t kNamesCost = 300;
  for (const PolynomialTerm& term : terms_) {
    work->Spend(kNamesCost);
    work->SpendOn(term.coefficient, term.coefficient);
  }
}

std::string Polynomial::ToText(const SymbolTable& symbols) const {
  if (terms_.empty()) return "0";
  std::string text;
  for (const PolynomialTerm& term : terms_) {
    const bool negative = term.coefficient.Sign() < 0;
    if (text.empty()) {
      if (negative) text += "-";
    } else {
      text += negative ? " - " : " + ";
    }
    const Fraction size = term.coefficient.Abs();
    if (!size.IsOne() || term.monomial.IsOne()) text += size.ToText();
    bool first = size.IsOne();
    for (const Monomial::Factor& factor : term.monomial.factors) {
      if (factor.symbol == 0) break;
      if (!first) text += "*";
      first = false;
      text += symbols.NameOf(factor.symbol - 1);
      if (factor.exponent > 1) text += "^" + std::to_string(int(factor.exponent));
    }
  }
  return text;
}

}  // namespace prm
