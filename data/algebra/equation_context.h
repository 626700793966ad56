// What the equations of a trace imply, linearly in their monomials.
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

#include "data/algebra/expression.h"
#include "data/algebra/polynomial.h"
#include "data/algebra/work_budget.h"

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

  int64_t Words() const;
};

// The symbol of an equation that names its value, x = 3 or 3 = x; -1: it does not.
int NamedSymbol(const RationalFunction& left, const RationalFunction& right);

// Equations left = right between rational functions, kept as a reduced row echelon form over Q with
// monomials as columns; unknowns whose value is known are replaced by it first. Past kMaxEquations
// no more are taken in, nor any equation or row of more than kMaxWords: a context takes a few
// megabytes at most. What costs more than `work` has left throws WorkBudget::Exceeded; rows that
// Add was working on are then lost, and with them what follows from them.
class EquationContext {
 public:
  static constexpr size_t kMaxEquations = 40;
  static constexpr int64_t kMaxWords = 1 << 13;

  void Clear();
  // What the equations so far say of this one.
  ContextReply Ask(const Equation& asked, WorkBudget* work) const;
  void Add(Equation equation, WorkBudget* work);

  // Whether an equation of the context is in `symbol`.
  bool Mentions(int symbol) const { return mentioned_[size_t(symbol)]; }
  // Whether an equation names the value of `symbol`: x = 3.
  bool IsNamed(int symbol) const;
  // Whether an equation in `symbol` alone becomes left = right where the symbol is `value`.
  bool IsSubstituted(int symbol, const Fraction& value, const Fraction& left, const Fraction& right,
                     WorkBudget* work) const;
  // Machine words that a copy takes, about.
  int64_t Words() const;

 private:
  struct Known {
    int symbol;
    Fraction value;
  };
  struct Written {
    Equation sides;
    Polynomial difference;
    int only_symbol;  // Polynomial::OnlySymbol of the difference
  };

  bool SubstituteKnown(Polynomial* polynomial, WorkBudget* work) const;
  Polynomial Reduced(Polynomial polynomial, WorkBudget* work) const;
  void Insert(Polynomial row, WorkBudget* work);
  bool ContradictsRows(int symbol, const Fraction& value, WorkBudget* work) const;
  int OperationsTo(const Equation& target, const Polynomial& difference, WorkBudget* work) const;

  std::vector<Polynomial> rows_;  // leading coefficient 1, no row's first monomial in another
  std::vector<Known> known_;
  std::vector<Written> written_;
  std::bitset<SymbolTable::kMaxSymbols> mentioned_;  // by a difference of written_
};

}  // namespace prm
