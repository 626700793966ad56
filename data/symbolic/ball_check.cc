#include "data/symbolic/ball_check.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "data/algebra/evaluate.h"

namespace prm {
namespace {

// One side is a single number, the other has no decimals.
bool HasLoneDecimal(const ExpressionTraits& left, const ExpressionTraits& right) {
  return (ShownDecimals(left) >= 0 && !right.has_decimal) ||
         (ShownDecimals(right) >= 0 && !left.has_decimal);
}

// Decimals of an irrational number are rounded or cut off; at least two digits are required.
bool IsRounded(const RelationSides& sides, const BallComparison& balls) {
  for (const Side* side : {&sides.right, &sides.left}) {
    const int decimals = ShownDecimals(side->parsed.traits);
    if (decimals < 0 || (decimals == 0 && !sides.SaysAbout())) continue;
    if (std::abs(balls.left - balls.right) <= 0.5 * std::pow(10.0, -decimals)) return true;
  }
  return false;
}

// The verdict for balls that do not overlap.
std::pair<Verdict, Reason> Judge(const RelationSides& sides, const BallComparison& balls) {
  const Relation relation = sides.found.relation;
  if (!StatesEquality(relation)) {
    const bool holds = Holds(relation, balls.order == BallOrder::kLess, false);
    return {holds ? Verdict::kArithOk : Verdict::kRefuted, Reason::kArithmetic};
  }
  if (IsRounded(sides, balls)) return {Verdict::kArithOk, Reason::kRounded};
  const ExpressionTraits& left = sides.left.parsed.traits;
  const ExpressionTraits& right = sides.right.parsed.traits;
  const double scale = std::max(std::abs(balls.left), std::abs(balls.right));
  const double apart = std::abs(balls.left - balls.right) / scale;
  if ((relation == Relation::kAbout && apart <= 0.2) || (sides.found.cues.about && apart <= 0.05) ||
      ((left.has_decimal || right.has_decimal) && apart <= 0.01 && !HasLoneDecimal(left, right))) {
    return {Verdict::kNotChecked, Reason::kRoundedOperand};
  }
  if (left.ambiguities | right.ambiguities) return {Verdict::kNotChecked, Reason::kUnread};
  return {Verdict::kRefuted, Reason::kArithmetic};
}

// Whether two values with overlapping balls are equal as polynomials in square roots.
bool AreEqualSurds(const RelationSides& sides, Workspace* workspace) {
  WorkBudget* work = &workspace->work;
  const auto evaluate = [&](const Side& side, RationalFunction* value) {
    return EvaluateSymbolic(sides.arena, side.parsed.root, &workspace->symbols, value, work) ==
           EvalStatus::kOk;
  };
  RationalFunction left;
  RationalFunction right;
  Polynomial a;
  Polynomial b;
  return evaluate(sides.left, &left) && evaluate(sides.right, &right) && left.den.IsConstant() &&
         right.den.IsConstant() && Polynomial::Multiply(left.num, right.den, &a, work) &&
         Polynomial::Multiply(right.num, left.den, &b, work) &&
         Polynomial::Difference(a, b, work).IsZero();
}

}  // namespace

ClosedResult CheckBalls(const RelationSides& sides, bool describe, Workspace* workspace) {
  const BallComparison balls = CompareByBalls(sides.arena, sides.left.parsed.root,
                                              sides.right.parsed.root, &workspace->work);
  ClosedResult result;
  if (balls.order == BallOrder::kTooBig || balls.order == BallOrder::kUndefined) {
    result.reason = balls.order == BallOrder::kTooBig ? Reason::kTooBig : Reason::kUndefined;
    return result;
  }
  if (describe) {
    result.left_value = balls.left_text;
    result.right_value = balls.right_text;
  }
  if (balls.order != BallOrder::kUnknown) {
    std::tie(result.verdict, result.reason) = Judge(sides, balls);
    return result;
  }
  const Relation relation = sides.found.relation;
  const bool may_be_equal = StatesEquality(relation) || Holds(relation, false, true);
  result.reason = Reason::kConsistent;
  if (AreEqualSurds(sides, workspace) && may_be_equal) {
    result.verdict = Verdict::kArithOk;
    result.reason = Reason::kIdentity;
  }
  return result;
}

}  // namespace prm
