// What the equations of a trace imply, treating each monomial as a linear unknown.
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
  // For kFollows: elementary operations from the nearest equation of the context (move a term, a
  // bracket or a side, scale both sides, substitute, combine two equations).
  int operations = 0;
  // For kNarrowing: the lost roots are zeros of a power of the unknown, as after dividing by it.
  bool divided_by_unknown = false;
};

struct Equation {
  RationalFunction left;
  RationalFunction right;
  // Parts written as one addend of a side but with several terms, such as 2(x + y) in 3 + 2(x + y).
  std::vector<Polynomial> brackets;

  int64_t Words() const;
};

// The symbol whose value the equation gives (x = 3 or 3 = x), or -1 if it gives none.
int NamedSymbol(const RationalFunction& left, const RationalFunction& right);

// Equations left = right between rational functions, kept as a reduced row echelon form over Q with
// monomials as columns. Unknowns with a known value are first replaced by it. Takes at most
// kMaxEquations equations and none (nor any row) of more than kMaxWords, so a context uses a few
// megabytes at most. Throws WorkBudget::Exceeded if an operation costs more than `work` has left;
// rows that Add was working on are then lost, along with what follows from them.
class EquationContext {
 public:
  static constexpr size_t kMaxEquations = 40;
  static constexpr int64_t kMaxWords = 1 << 13;

  void Clear();
  // What the equations so far imply about `asked`.
  ContextReply Ask(const Equation& asked, WorkBudget* work) const;
  void Add(Equation equation, WorkBudget* work);

  // Whether an equation of the context contains `symbol`.
  bool Mentions(int symbol) const { return mentioned_[size_t(symbol)]; }
  // Whether an equation gives the value of `symbol`, such as x = 3.
  bool IsNamed(int symbol) const;
  // Whether an equation in only `symbol` becomes left = right when the symbol is `value`.
  bool IsSubstituted(int symbol, const Fraction& value, const Fraction& left, const Fraction& right,
                     WorkBudget* work) const;
  // Approximate size of a copy in machine words.
  int64_t Words() const;

 private:
  struct Known {
    int symbol;
    Fraction value;
  };
  struct Written {
    Equation sides;
    Polynomial difference;
    int only_symbol;  // Polynomial::OnlySymbol of left - right
  };

  bool SubstituteKnown(Polynomial* polynomial, WorkBudget* work) const;
  Polynomial Reduced(Polynomial polynomial, WorkBudget* work) const;
  void Insert(Polynomial row, WorkBudget* work);
  bool ContradictsRows(int symbol, const Fraction& value, WorkBudget* work) const;
  int OperationsTo(const Equation& target, const Polynomial& difference, WorkBudget* work) const;

  std::vector<Polynomial> rows_;  // leading coefficient 1, its monomial in no other row
  std::vector<Known> known_;
  std::vector<Written> written_;
  std::bitset<SymbolTable::kMaxSymbols> mentioned_;  // symbols in the differences of written_
};

}  // namespace prm
