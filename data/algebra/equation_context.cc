#include "data/algebra/equation_context.h"

#include <flint/fmpq_poly.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace prm {
namespace {

// left = right as a polynomial that is to be zero; false past the limits.
bool DifferenceOf(const RationalFunction& left, const RationalFunction& right,
                  Polynomial* difference) {
  Polynomial a;
  Polynomial b;
  if (!Polynomial::Multiply(left.num, right.den, &a)) return false;
  if (!Polynomial::Multiply(right.num, left.den, &b)) return false;
  *difference = a - b;
  return true;
}

// A polynomial in one variable as FLINT has it.
class Univariate {
 public:
  Univariate() { fmpq_poly_init(value_); }
  Univariate(const Polynomial& polynomial, int symbol) : Univariate() {
    for (const PolynomialTerm& term : polynomial.terms()) {
      fmpq_poly_set_coeff_fmpq(value_, term.monomial.ExponentOf(symbol), term.coefficient.get());
    }
  }
  ~Univariate() { fmpq_poly_clear(value_); }
  Univariate(const Univariate&) = delete;
  Univariate& operator=(const Univariate&) = delete;

  void ReduceToRoots() {
    Univariate derivative;
    Univariate common;
    fmpq_poly_derivative(derivative.value_, value_);
    fmpq_poly_gcd(common.value_, value_, derivative.value_);
    fmpq_poly_div(value_, value_, common.value_);
    fmpq_poly_make_monic(value_, value_);
  }
  // *this / divisor, or nothing where a rest is left.
  bool DivideBy(const Univariate& divisor, Univariate* quotient) const {
    Univariate rest;
    fmpq_poly_divrem(quotient->value_, rest.value_, value_, divisor.value_);
    return fmpq_poly_is_zero(rest.value_);
  }
  slong CommonDegree(const Univariate& other) const {
    Univariate common;
    fmpq_poly_gcd(common.value_, value_, other.value_);
    return fmpq_poly_degree(common.value_);
  }
  slong degree() const { return fmpq_poly_degree(value_); }
  // Whether its only root is zero.
  bool VanishesAtZeroOnly() const {
    Univariate power;
    fmpq_poly_set_coeff_si(power.value_, degree(), 1);
    Univariate monic;
    fmpq_poly_make_monic(monic.value_, value_);
    return fmpq_poly_equal(monic.value_, power.value_);
  }

 private:
  fmpq_poly_t value_;
};

// x = c as symbol and value.
bool IsAssignment(const Polynomial& polynomial, int* symbol, Fraction* value) {
  const int only = polynomial.OnlySymbol();
  if (only < 0 || polynomial.Degree() != 1) return false;
  *symbol = only;
  *value = -(polynomial.ConstantTerm() / polynomial.terms()[0].coefficient);
  return true;
}

// The factor c with a = c * b; nothing where there is none.
std::optional<Fraction> RatioOf(const Polynomial& a, const Polynomial& b) {
  if (a.terms().size() != b.terms().size() || a.IsZero()) return {};
  Fraction ratio = a.terms()[0].coefficient / b.terms()[0].coefficient;
  for (size_t i = 0; i < a.terms().size(); ++i) {
    if (a.terms()[i].monomial != b.terms()[i].monomial) return {};
    if (!(a.terms()[i].coefficient == b.terms()[i].coefficient * ratio)) return {};
  }
  return ratio;
}

// Both sides without their constant denominators; nothing where a denominator has a symbol.
struct PlainSides {
  Polynomial left;
  Polynomial right;
  Fraction denominator;  // the product of both
  static std::optional<PlainSides> Of(const Equation& equation) {
    const auto& [left, right] = std::tie(equation.left, equation.right);
    if (!left.den.IsConstant() || !right.den.IsConstant()) return {};
    const Fraction a = left.den.ConstantTerm(), b = right.den.ConstantTerm();
    return PlainSides{left.num.Scaled(Fraction(1) / a), right.num.Scaled(Fraction(1) / b), a * b};
  }
};

// How many operations move `moved` from one side, `from`, to the other, `to` (less than nothing:
// the other way): the terms that leave a side and meet no like term, all at once in each direction;
// what was written as one part of `whole`; every other term.
int MovesOf(Polynomial moved, const Polynomial& from, const Polynomial& to,
            std::vector<Polynomial> whole) {
  const auto has = [](const Polynomial& side, const PolynomialTerm& term, bool same) {
    return std::any_of(side.terms().begin(), side.terms().end(), [&](const PolynomialTerm& other) {
      return other.monomial == term.monomial && (!same || other.coefficient == -term.coefficient);
    });
  };
  int moves = 0;
  for (const auto& [source, target] : {std::pair(&from, &to), std::pair(&to, &from)}) {
    Polynomial plain;
    for (const PolynomialTerm& term : moved.terms()) {
      if (has(*source, term, true) && !has(*target, term, false)) plain.AddTerm(term);
    }
    if (plain.IsZero()) continue;
    moved = moved - plain;
    ++moves;
  }
  std::sort(whole.begin(), whole.end(), [](const Polynomial& a, const Polynomial& b) {
    return a.terms().size() > b.terms().size();
  });
  for (const Polynomial& part : whole) {
    if (part.terms().size() < 2) continue;
    for (const int sign : {1, -1}) {
      Polynomial rest = Polynomial::Sum(moved, part, Fraction(sign));
      if (rest.terms().size() + part.terms().size() != moved.terms().size()) continue;
      moved = std::move(rest);
      ++moves;
      break;
    }
  }
  return moves + int(moved.terms().size());
}

}  // namespace

int NamedSymbol(const RationalFunction& left, const RationalFunction& right) {
  const auto is_constant = [](const RationalFunction& side) {
    return side.num.IsConstant() && side.den.IsConstant();
  };
  const bool turned = is_constant(left);
  const RationalFunction& name = turned ? right : left;
  if (!is_constant(turned ? left : right) || !name.den.IsConstant()) return -1;
  const Polynomial& symbol = name.num;
  const bool bare = symbol.terms().size() == 1 && symbol.Degree() == 1 &&
                    symbol.terms()[0].coefficient == name.den.ConstantTerm();
  return bare ? symbol.OnlySymbol() : -1;
}

void EquationContext::Clear() {
  rows_.clear();
  known_.clear();
  written_.clear();
}

bool EquationContext::SubstituteKnown(Polynomial* polynomial) const {
  for (const Known& known : known_) {
    if (!polynomial->Contains(known.symbol)) continue;
    if (!polynomial->Substitute(known.symbol, known.value, polynomial)) return false;
  }
  return true;
}

Polynomial EquationContext::Reduced(Polynomial polynomial) const {
  for (const Polynomial& row : rows_) {
    const Monomial& first = row.terms()[0].monomial;
    for (const PolynomialTerm& term : polynomial.terms()) {
      if (term.monomial != first) continue;
      polynomial = Polynomial::Sum(polynomial, row, -term.coefficient);
      break;
    }
  }
  return polynomial;
}

ContextReply EquationContext::Ask(const Equation& asked) const {
  ContextReply reply;
  Polynomial difference;
  if (!DifferenceOf(asked.left, asked.right, &difference)) return reply;
  Polynomial open = difference;
  if (!SubstituteKnown(&open)) return reply;
  const Polynomial rest = Reduced(open);
  if (rest.IsZero()) {
    reply.answer = ContextAnswer::kFollows;
    reply.operations = OperationsTo(asked, difference);
    return reply;
  }
  if (rest.IsConstant()) {
    reply.answer = ContextAnswer::kContradicts;
    return reply;
  }
  int symbol = 0;
  Fraction value;
  if (IsAssignment(rest, &symbol, &value) && ContradictsRows(symbol, value)) {
    reply.answer = ContextAnswer::kContradicts;
    return reply;
  }
  symbol = open.OnlySymbol();
  if (symbol < 0) return reply;
  Univariate roots(open, symbol);
  roots.ReduceToRoots();
  for (const Polynomial& row : rows_) {
    if (row.OnlySymbol() != symbol) continue;
    Univariate before(row, symbol);
    before.ReduceToRoots();
    Univariate quotient;
    if (before.CommonDegree(roots) == 0) {
      reply.answer = ContextAnswer::kContradicts;
    } else if (before.DivideBy(roots, &quotient)) {
      reply.answer = quotient.degree() == 0 ? ContextAnswer::kFollows : ContextAnswer::kNarrowing;
      reply.operations = quotient.degree() == 0 ? 1 : 0;
      reply.divided_by_unknown = quotient.degree() > 0 && quotient.VanishesAtZeroOnly();
    } else if (roots.DivideBy(before, &quotient)) {
      reply.answer = ContextAnswer::kExtraneous;
    } else {
      continue;
    }
    return reply;
  }
  return reply;
}

// Whether a row becomes a false statement where the symbol is `value`.
bool EquationContext::ContradictsRows(int symbol, const Fraction& value) const {
  return std::any_of(rows_.begin(), rows_.end(), [&](const Polynomial& row) {
    Polynomial substituted;
    return row.Contains(symbol) && row.Substitute(symbol, value, &substituted) &&
           substituted.IsConstant() && !substituted.IsZero();
  });
}

void EquationContext::Add(Equation equation) {
  if (written_.size() >= kMaxEquations) return;
  Written written;
  if (!DifferenceOf(equation.left, equation.right, &written.difference)) return;
  written.sides = std::move(equation);
  Polynomial row = written.difference;
  if (!SubstituteKnown(&row)) return;
  written_.push_back(std::move(written));
  Insert(std::move(row));
}

void EquationContext::Insert(Polynomial row) {
  std::vector<Polynomial> open = {std::move(row)};
  while (!open.empty()) {
    Polynomial next = std::move(open.back());
    open.pop_back();
    if (!SubstituteKnown(&next)) continue;
    next = Reduced(std::move(next));
    // A contradiction would make everything follow.
    if (next.IsConstant()) continue;
    next = next.Scaled(Fraction(1) / next.terms()[0].coefficient);
    int symbol = 0;
    Fraction value;
    if (IsAssignment(next, &symbol, &value)) {
      known_.push_back({symbol, std::move(value)});
      std::move(rows_.begin(), rows_.end(), std::back_inserter(open));
      rows_.clear();
      continue;
    }
    const Monomial first = next.terms()[0].monomial;
    for (size_t i = 0; i < rows_.size();) {
      const auto& terms = rows_[i].terms();
      const bool holds = std::any_of(terms.begin(), terms.end(),
                                     [&](const PolynomialTerm& t) { return t.monomial == first; });
      if (!holds) {
        ++i;
        continue;
      }
      open.push_back(std::move(rows_[i]));
      rows_.erase(rows_.begin() + std::ptrdiff_t(i));
    }
    rows_.push_back(std::move(next));
  }
}

bool EquationContext::Mentions(int symbol) const {
  return std::any_of(written_.begin(), written_.end(),
                     [&](const Written& written) { return written.difference.Contains(symbol); });
}

bool EquationContext::IsNamed(int symbol) const {
  return std::any_of(written_.begin(), written_.end(), [&](const Written& written) {
    return NamedSymbol(written.sides.left, written.sides.right) == symbol;
  });
}

bool EquationContext::IsSubstituted(int symbol, const Fraction& value, const Fraction& left,
                                    const Fraction& right) const {
  const auto at_value = [&](const RationalFunction& function, const Fraction& expected) {
    Polynomial num;
    Polynomial den;
    return function.num.Substitute(symbol, value, &num) &&
           function.den.Substitute(symbol, value, &den) && num.IsConstant() && den.IsConstant() &&
           !den.IsZero() && num.ConstantTerm() / den.ConstantTerm() == expected;
  };
  return std::any_of(written_.begin(), written_.end(), [&](const Written& written) {
    if (written.difference.OnlySymbol() != symbol) return false;
    const Equation& sides = written.sides;
    return (at_value(sides.left, left) && at_value(sides.right, right)) ||
           (at_value(sides.left, right) && at_value(sides.right, left));
  });
}

int EquationContext::OperationsTo(const Equation& target, const Polynomial& difference) const {
  constexpr int kSeveral = 3;
  int fewest = kSeveral;
  bool found = false;
  const std::optional<PlainSides> to = PlainSides::Of(target);
  for (const Written& from : written_) {
    const std::optional<Fraction> ratio = RatioOf(difference, from.difference);
    const std::optional<PlainSides> sides = PlainSides::Of(from.sides);
    if (!ratio || !to || !sides) continue;
    const Fraction scale = *ratio * sides->denominator / to->denominator;
    for (const bool turned : {false, true}) {
      const Fraction factor = turned ? -scale : scale;
      const Polynomial near = (turned ? sides->right : sides->left).Scaled(factor);
      const Polynomial far = (turned ? sides->left : sides->right).Scaled(factor);
      std::vector<Polynomial> whole = target.brackets;
      for (const Polynomial& bracket : from.sides.brackets) whole.push_back(bracket.Scaled(factor));
      whole.insert(whole.end(), {near, far});
      const int operations =
          MovesOf(to->left - near, near, far, std::move(whole)) + (factor.IsOne() ? 0 : 1);
      fewest = found ? std::min(fewest, operations) : operations;
      found = true;
    }
  }
  if (found) return fewest;
  // One substitution of a known value, else several equations combined.
  for (const Written& from : written_) {
    for (const Known& known : known_) {
      Polynomial substituted;
      if (from.difference.Substitute(known.symbol, known.value, &substituted) &&
          RatioOf(difference, substituted)) {
        return 1;
      }
    }
  }
  return 2;
}

}  // namespace prm
