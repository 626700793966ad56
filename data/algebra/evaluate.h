// Values of expressions: exact, as rational functions, as balls. Throws WorkBudget::Exceeded if an
// evaluation costs more than `work` has left.
#pragma once

#include <string>

#include "data/algebra/expression.h"
#include "data/algebra/fraction.h"
#include "data/algebra/polynomial.h"
#include "data/algebra/work_budget.h"

namespace prm {

enum class EvalStatus : uint8_t {
  kOk,
  kIrrational,  // not a rational number: a root or a symbol
  kUndefined,   // division by zero, even root of a negative number, factorial of a fraction
  kTooBig,
};

// The exact value of an expression without symbols.
EvalStatus EvaluateExact(const ExpressionArena& arena, int root, Fraction* value, WorkBudget* work);

// The expression as a quotient of polynomials in its symbols. Roots of rational numbers become
// symbols named "sqrt(n)", n squarefree, whose products are reduced: sqrt(8) is 2*sqrt(2). Other
// roots are kIrrational.
EvalStatus EvaluateSymbolic(const ExpressionArena& arena, int root, SymbolTable* symbols,
                            RationalFunction* value, WorkBudget* work);

enum class BallOrder : uint8_t { kLess, kGreater, kUnknown, kUndefined, kTooBig };

// Compares two expressions without symbols using balls of 64 to 2048 bits until they are disjoint;
// kUnknown if they still overlap. Source: Johansson 2017, "Arb: efficient arbitrary-precision
// midpoint-radius interval arithmetic", section 2.
struct BallComparison {
  BallOrder order = BallOrder::kUnknown;
  double left = 0;  // midpoints, for rounding and for display
  double right = 0;
  std::string left_text;  // "[1.41421 +/- 4.6e-6]"
  std::string right_text;
};
BallComparison CompareByBalls(const ExpressionArena& arena, int left, int right, WorkBudget* work);

}  // namespace prm
