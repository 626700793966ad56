#include "data/algebra/equation_context.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "data/algebra/univariate.h"

namespace prm {
namespace {

// Cost per term of searching a polynomial for one symbol.
constexpr int64_t kCostOfSearch = 8;

void SpendOnSearch(const Polynomial& polynomial, WorkBudget* work) {
  work->Spend(kCostOfSearch * int64_t(polynomial.terms().size()));
}

// left = right as a polynomial that must be zero; returns false past the limits.
bool DifferenceOf(const RationalFunction& left, const RationalFunction& right,
                  Polynomial* difference, WorkBudget* work) {
  Polynomial a;
  Polynomial b;
  if (!Polynomial::Multiply(left.num, right.den, &a, work)) return false;
  if (!Polynomial::Multiply(right.num, left.den, &b, work)) return false;
  *difference = Polynomial::Difference(a, b, work);
  return true;
}

// x = c as symbol and value.
bool IsAssignment(const Polynomial& polynomial, int* symbol, Fraction* value, WorkBudget* work) {
  const int only = polynomial.OnlySymbol();
  if (only < 0 || polynomial.Degree() != 1) return false;
  *symbol = only;
  work->SpendOn(polynomial.ConstantTerm(), polynomial.terms()[0].coefficient);
  *value = -(polynomial.ConstantTerm() / polynomial.terms()[0].coefficient);
  return true;
}

// The factor c with a = c * b; nullopt if there is none.
std::optional<Fraction> RatioOf(const Polynomial& a, const Polynomial& b, WorkBudget* work) {
  if (a.terms().size() != b.terms().size() || a.IsZero()) return {};
  work->SpendOn(a.terms()[0].coefficient, b.terms()[0].coefficient);
  Fraction ratio = a.terms()[0].coefficient / b.terms()[0].coefficient;
  for (size_t i = 0; i < a.terms().size(); ++i) {
    if (a.terms()[i].monomial != b.terms()[i].monomial) return {};
    work->SpendOn(b.terms()[i].coefficient, ratio);
    if (!(a.terms()[i].coefficient == b.terms()[i].coefficient * ratio)) return {};
  }
  return ratio;
}

// Both sides without their constant denominators; nullopt if a denominator has a symbol.
struct PlainSides {
  Polynomial left;
  Polynomial right;
  Fraction denominator;  // the product of both
  static std::optional<PlainSides> Of(const Equation& equation, WorkBudget* work) {
    const auto& [left, right] = std::tie(equation.left, equation.right);
    if (!left.den.IsConstant() || !right.den.IsConstant()) return {};
    const Fraction a = left.den.ConstantTerm(), b = right.den.ConstantTerm();
    work->SpendOn(a, b);
    return PlainSides{left.num.Scaled(Fraction(1) / a, work),
                      right.num.Scaled(Fraction(1) / b, work), a * b};
  }
};

// The number of operations that move `moved` from side `from` to side `to` (negative: the other
// way). Counts as one: all terms that leave a side without meeting a like term, per direction;
// anything written as one part of `whole`; every other term.
int MovesOf(Polynomial moved, const Polynomial& from, const Polynomial& to,
            std::vector<Polynomial> whole, WorkBudget* work) {
  const auto has = [](const Polynomial& side, const PolynomialTerm& term, bool same) {
    return std::any_of(side.terms().begin(), side.terms().end(), [&](const PolynomialTerm& other) {
      return other.monomial == term.monomial && (!same || other.coefficient == -term.coefficient);
    });
  };
  int moves = 0;
  for (const auto& [source, target] : {std::pair(&from, &to), std::pair(&to, &from)}) {
    Polynomial plain;
    for (const PolynomialTerm& term : moved.terms()) {
      SpendOnSearch(*source, work);
      SpendOnSearch(*target, work);
      if (has(*source, term, true) && !has(*target, term, false)) plain.AddTerm(term, work);
    }
    if (plain.IsZero()) continue;
    moved = Polynomial::Difference(moved, plain, work);
    ++moves;
  }
  std::sort(whole.begin(), whole.end(), [](const Polynomial& a, const Polynomial& b) {
    return a.terms().size() > b.terms().size();
  });
  for (const Polynomial& part : whole) {
    if (part.terms().size() < 2) continue;
    for (const int sign : {1, -1}) {
      Polynomial rest = Polynomial::Sum(moved, part, Fraction(sign), work);
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

int64_t Equation::Words() const {
  int64_t words = left.Words() + right.Words();
  for (const Polynomial& bracket : brackets) words += bracket.Words();
  return words;
}

void EquationContext::Clear() {
  rows_.clear();
  known_.clear();
  written_.clear();
  mentioned_.reset();
}

int64_t EquationContext::Words() const {
  int64_t words = 0;
  for (const Polynomial& row : rows_) words += row.Words();
  for (const Known& known : known_) words += known.value.Words();
  for (const Written& written : written_) {
    words += written.sides.Words() + written.difference.Words();
  }
  return words;
}

bool EquationContext::SubstituteKnown(Polynomial* polynomial, WorkBudget* work) const {
  for (const Known& known : known_) {
    SpendOnSearch(*polynomial, work);
    if (!polynomial->Contains(known.symbol)) continue;
    if (!polynomial->Substitute(known.symbol, known.value, polynomial, work)) return false;
  }
  return true;
}

Polynomial EquationContext::Reduced(Polynomial polynomial, WorkBudget* work) const {
  for (const Polynomial& row : rows_) {
    SpendOnSearch(polynomial, work);
    const Monomial& first = row.terms()[0].monomial;
    for (const PolynomialTerm& term : polynomial.terms()) {
      if (term.monomial != first) continue;
      polynomial = Polynomial::Sum(polynomial, row, -term.coefficient, work);
      break;
    }
  }
  return polynomial;
}

ContextReply EquationContext::Ask(const Equation& asked, WorkBudget* work) const {
  ContextReply reply;
  Polynomial difference;
  if (!DifferenceOf(asked.left, asked.right, &difference, work)) return reply;
  Polynomial open = difference;
  if (!SubstituteKnown(&open, work)) return reply;
  const Polynomial rest = Reduced(open, work);
  if (rest.IsZero()) {
    reply.answer = ContextAnswer::kFollows;
    reply.operations = OperationsTo(asked, difference, work);
    return reply;
  }
  if (rest.IsConstant()) {
    reply.answer = ContextAnswer::kContradicts;
    return reply;
  }
  int symbol = 0;
  Fraction value;
  if (IsAssignment(rest, &symbol, &value, work) && ContradictsRows(symbol, value, work)) {
    reply.answer = ContextAnswer::kContradicts;
    return reply;
  }
  symbol = open.OnlySymbol();
  if (symbol < 0) return reply;
  Univariate roots(open, symbol, work);
  roots.ReduceToRoots();
  for (const Polynomial& row : rows_) {
    SpendOnSearch(row, work);
    if (row.OnlySymbol() != symbol) continue;
    Univariate before(row, symbol, work);
    before.ReduceToRoots();
    Univariate quotient(work);
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

// Whether a row becomes a false statement if the symbol is `value`.
bool EquationContext::ContradictsRows(int symbol, const Fraction& value, WorkBudget* work) const {
  return std::any_of(rows_.begin(), rows_.end(), [&](const Polynomial& row) {
    Polynomial substituted;
    SpendOnSearch(row, work);
    return row.Contains(symbol) && row.Substitute(symbol, value, &substituted, work) &&
           substituted.IsConstant() && !substituted.IsZero();
  });
}

void EquationContext::Add(Equation equation, WorkBudget* work) {
  if (written_.size() >= kMaxEquations || equation.Words() > kMaxWords) return;
  Written written;
  if (!DifferenceOf(equation.left, equation.right, &written.difference, work)) return;
  if (written.difference.Words() > kMaxWords) return;
  written.sides = std::move(equation);
  written.only_symbol = written.difference.OnlySymbol();
  Polynomial row = written.difference;
  if (!SubstituteKnown(&row, work)) return;
  for (const PolynomialTerm& term : written.difference.terms()) {
    for (const Monomial::Factor& factor : term.monomial.factors) {
      if (factor.symbol != 0) mentioned_.set(size_t(factor.symbol - 1));
    }
  }
  written_.push_back(std::move(written));
  Insert(std::move(row), work);
}

void EquationContext::Insert(Polynomial row, WorkBudget* work) {
  std::vector<Polynomial> open = {std::move(row)};
  while (!open.empty()) {
    Polynomial next = std::move(open.back());
    open.pop_back();
    if (!SubstituteKnown(&next, work)) continue;
    next = Reduced(std::move(next), work);
    // A contradictory equation would make everything follow.
    if (next.IsConstant()) continue;
    next = next.Scaled(Fraction(1) / next.terms()[0].coefficient, work);
    if (next.Words() > kMaxWords) continue;
    int symbol = 0;
    Fraction value;
    if (IsAssignment(next, &symbol, &value, work)) {
      known_.push_back({symbol, std::move(value)});
      std::move(rows_.begin(), rows_.end(), std::back_inserter(open));
      rows_.clear();
      continue;
    }
    const Monomial first = next.terms()[0].monomial;
    for (size_t i = 0; i < rows_.size();) {
      SpendOnSearch(rows_[i], work);
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

bool EquationContext::IsNamed(int symbol) const {
  return std::any_of(written_.begin(), written_.end(), [&](const Written& written) {
    return NamedSymbol(written.sides.left, written.sides.right) == symbol;
  });
}

bool EquationContext::IsSubstituted(int symbol, const Fraction& value, const Fraction& left,
                                    const Fraction& right, WorkBudget* work) const {
  const auto at_value = [&](const RationalFunction& function, const Fraction& expected) {
    Polynomial num;
    Polynomial den;
    if (!function.num.Substitute(symbol, value, &num, work) ||
        !function.den.Substitute(symbol, value, &den, work) || !num.IsConstant() ||
        !den.IsConstant() || den.IsZero()) {
      return false;
    }
    work->SpendOn(num.ConstantTerm(), den.ConstantTerm());
    return num.ConstantTerm() / den.ConstantTerm() == expected;
  };
  return std::any_of(written_.begin(), written_.end(), [&](const Written& written) {
    if (written.only_symbol != symbol) return false;
    const Equation& sides = written.sides;
    return (at_value(sides.left, left) && at_value(sides.right, right)) ||
           (at_value(sides.left, right) && at_value(sides.right, left));
  });
}

int EquationContext::OperationsTo(const Equation& target, const Polynomial& difference,
                                  WorkBudget* work) const {
  constexpr int kSeveral = 3;
  int fewest = kSeveral;
  bool found = false;
  const std::optional<PlainSides> to = PlainSides::Of(target, work);
  for (const Written& from : written_) {
    const std::optional<Fraction> ratio = RatioOf(difference, from.difference, work);
    if (!ratio || !to) continue;
    const std::optional<PlainSides> sides = PlainSides::Of(from.sides, work);
    if (!sides) continue;
    work->SpendOn(*ratio, sides->denominator);
    work->SpendOn(*ratio, to->denominator);
    const Fraction scale = *ratio * sides->denominator / to->denominator;
    for (const bool turned : {false, true}) {
      const Fraction factor = turned ? -scale : scale;
      const Polynomial near = (turned ? sides->right : sides->left).Scaled(factor, work);
      const Polynomial far = (turned ? sides->left : sides->right).Scaled(factor, work);
      std::vector<Polynomial> whole = target.brackets;
      for (const Polynomial& bracket : from.sides.brackets)
        whole.push_back(bracket.Scaled(factor, work));
      whole.insert(whole.end(), {near, far});
      const int operations =
          MovesOf(Polynomial::Difference(to->left, near, work), near, far, std::move(whole), work) +
          (factor.IsOne() ? 0 : 1);
      fewest = found ? std::min(fewest, operations) : operations;
      found = true;
    }
  }
  if (found) return fewest;
  // One substitution of a known value, else several equations combined.
  for (const Written& from : written_) {
    for (const Known& known : known_) {
      Polynomial substituted;
      if (from.difference.Substitute(known.symbol, known.value, &substituted, work) &&
          RatioOf(difference, substituted, work)) {
        return 1;
      }
    }
  }
  return 2;
}

}  // namespace prm
