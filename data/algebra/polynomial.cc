#include "data/algebra/polynomial.h"

#include <algorithm>

namespace prm {
namespace {

constexpr int kMaxExponent = 255;

// False where the product has too many variables or too high a power.
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

Polynomial Polynomial::Sum(const Polynomial& a, const Polynomial& b, const Fraction& factor) {
  Polynomial sum;
  sum.terms_.reserve(a.terms_.size() + b.terms_.size());
  size_t i = 0;
  size_t j = 0;
  while (i < a.terms_.size() || j < b.terms_.size()) {
    const bool take_a = i < a.terms_.size();
    const bool take_b = j < b.terms_.size();
    if (take_a && (!take_b || a.terms_[i].monomial > b.terms_[j].monomial)) {
      sum.terms_.push_back(a.terms_[i++]);
    } else if (take_b && (!take_a || b.terms_[j].monomial > a.terms_[i].monomial)) {
      sum.terms_.push_back({b.terms_[j].monomial, b.terms_[j].coefficient * factor});
      ++j;
    } else {
      Fraction c = a.terms_[i].coefficient + b.terms_[j].coefficient * factor;
      if (!c.IsZero()) sum.terms_.push_back({a.terms_[i].monomial, std::move(c)});
      ++i;
      ++j;
    }
  }
  return sum;
}

Polynomial Polynomial::Scaled(const Fraction& factor) const {
  Polynomial scaled;
  if (factor.IsZero()) return scaled;
  scaled.terms_.reserve(terms_.size());
  for (const PolynomialTerm& term : terms_) {
    scaled.terms_.push_back({term.monomial, term.coefficient * factor});
  }
  return scaled;
}

bool Polynomial::Multiply(const Polynomial& a, const Polynomial& b, Polynomial* product) {
  Polynomial result;
  if (a.terms_.size() * b.terms_.size() > kMaxTerms * kMaxTerms / 4) return false;
  if (a.Degree() + b.Degree() > kMaxDegree) return false;
  result.terms_.reserve(a.terms_.size() * b.terms_.size());
  for (const PolynomialTerm& left : a.terms_) {
    for (const PolynomialTerm& right : b.terms_) {
      if (left.coefficient.Bits() + right.coefficient.Bits() > Fraction::kMaxBits) return false;
      PolynomialTerm& term = result.terms_.emplace_back();
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
      term.coefficient = term.coefficient + result.terms_[i++].coefficient;
    }
    if (!term.coefficient.IsZero()) result.terms_[kept++] = std::move(term);
  }
  result.terms_.resize(kept);
  if (kept > kMaxTerms) return false;
  *product = std::move(result);
  return true;
}

bool Polynomial::Substitute(int symbol, const Fraction& value, Polynomial* result) const {
  Polynomial substituted;
  for (const PolynomialTerm& term : terms_) {
    const int exponent = term.monomial.ExponentOf(symbol);
    if (exponent == 0) {
      substituted.AddTerm(term);
      continue;
    }
    if (value.IsZero()) continue;
    if (value.Bits() * exponent + term.coefficient.Bits() > Fraction::kMaxBits) return false;
    PolynomialTerm rest{{}, term.coefficient * value.Power(exponent)};
    size_t n = 0;
    for (const Monomial::Factor& factor : term.monomial.factors) {
      if (factor.symbol != 0 && factor.symbol != symbol + 1) rest.monomial.factors[n++] = factor;
    }
    substituted.AddTerm(rest);
  }
  *result = std::move(substituted);
  return true;
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
