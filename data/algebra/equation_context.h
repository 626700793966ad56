// What the equations of a trace imply, linearly in their monomials.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/algebra/polynomial.h"

namespace prm {

enum class ContextAnswer : uint8_t {
  kFollows,
  kContradicts,
  kNew,
  kNarrowing,   // loses a root of an equation in the same unknown
  kExtraneous,  // gains one
};

struct ContextReply {
  ContextAnswer answer = ContextAnswer::kNew;
  // Of kFollows: elementary operations from the nearest equation of the context (move a term, a
  // bracket or a side, scale both sides, substitute, combine two equations).
  int operations = 0;
  // Of kNarrowing: the lost roots are those of a power of the unknown, as after a division by it.
  bool divided_by_unknown = false;
};

struct Equation {
  RationalFunction left;
  RationalFunction right;
  // What was written as one addend of a side and has several terms: the 2(x + y) of 3 + 2(x + y).
  std::vector<Polynomial> brackets;
};

// The symbol of an equation that names its value, x = 3 or 3 = x; -1: it does not.
int NamedSymbol(const RationalFunction& left, const RationalFunction& right);

// Equations left = right between rational functions, kept as a reduced row echelon form over Q with
// monomials as columns; unknowns whose value is known are replaced by it first. Past kMaxEquations
// no more are taken in.
class EquationContext {
 public:
  static constexpr size_t kMaxEquations = 40;

  void Clear();
  // What the equations so far say of this one.
  ContextReply Ask(const Equation& asked) const;
  void Add(Equation equation);

  bool empty() const { return rows_.empty() && known_.empty(); }
  // Whether an equation of the context is in `symbol`.
  bool Mentions(int symbol) const;
  // Whether an equation names the value of `symbol`: x = 3.
  bool IsNamed(int symbol) const;
  // Whether an equation in `symbol` alone becomes left = right where the symbol is `value`.
  bool IsSubstituted(int symbol, const Fraction& value, const Fraction& left,
                     const Fraction& right) const;

 private:
  struct Known {
    int symbol;
    Fraction value;
  };
  struct Written {
    Equation sides;
    Polynomial difference;
  };

  bool SubstituteKnown(Polynomial* polynomial) const;
  Polynomial Reduced(Polynomial polynomial) const;
  void Insert(Polynomial row);
  bool ContradictsRows(int symbol, const Fraction& value) const;
  int OperationsTo(const Equation& target, const Polynomial& difference) const;

  std::vector<Polynomial> rows_;  // leading coefficient 1, no row's first monomial in another
  std::vector<Known> known_;
  std::vector<Written> written_;
};

}  // namespace prm
