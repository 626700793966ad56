// Implements CompareByBalls of evaluate.h.
#include <arb.h>

#include <memory>

#include "data/algebra/evaluate.h"

namespace prm {
namespace {

constexpr slong kFirstBits = 64;
constexpr slong kMostBits = 2048;
// Powers with larger exponents do not occur in texts by people.
constexpr int64_t kMaxExponent = int64_t{1} << 30;

// Cost of an operation by the words of its precision. Nested powers produce exponents of many
// words, which cost as much as a long precision.
struct Costs {
  explicit Costs(slong bits) : words(bits / 64) {}
  int64_t Power(const arb_t base) const {
    const bool huge = COEFF_IS_MPZ(ARF_EXP(arb_midref(base)));
    return 4'000 + 1'500 * words + (huge ? 100'000 : 0);
  }
  int64_t Root() const { return 1'000 + 1'000 * words; }
  int64_t Other() const { return 100 + 40 * words; }
  int64_t words;
};
constexpr int64_t kCostOfText = 10'000;

class Ball {
 public:
  Ball() { arb_init(value_); }
  ~Ball() { arb_clear(value_); }
  Ball(const Ball&) = delete;
  Ball& operator=(const Ball&) = delete;
  arb_struct* get() { return value_; }

 private:
  arb_t value_;
};

EvalStatus Evaluate(const ExpressionArena& arena, int root, slong bits, arb_t value,
                    WorkBudget* work);

EvalStatus Root(const ExpressionArena& arena, const ExpressionNode& node, slong bits, arb_t value,
                WorkBudget* work) {
  work->Spend(Costs(bits).Root());
  Fraction degree;
  int64_t n = 0;
  const EvalStatus status = EvaluateExact(arena, node.b, &degree, work);
  if (status != EvalStatus::kOk) return status;
  if (!degree.AsInteger(2, 60, &n)) return EvalStatus::kTooBig;
  if (arb_is_nonnegative(value)) {
    arb_root_ui(value, value, ulong(n), bits);
  } else if (arb_is_negative(value)) {
    if (n % 2 == 0) return EvalStatus::kUndefined;
    arb_neg(value, value);
    arb_root_ui(value, value, ulong(n), bits);
    arb_neg(value, value);
  } else {
    return EvalStatus::kIrrational;  // the sign is unknown at this precision
  }
  return EvalStatus::kOk;
}

EvalStatus Power(const ExpressionArena& arena, const ExpressionNode& node, slong bits, arb_t value,
                 WorkBudget* work) {
  work->Spend(Costs(bits).Power(value));
  Fraction exponent;
  int64_t whole = 0;
  const EvalStatus exact = EvaluateExact(arena, node.b, &exponent, work);
  if (exact == EvalStatus::kOk && exponent.IsInteger()) {
    if (!exponent.AsInteger(-kMaxExponent, kMaxExponent, &whole)) return EvalStatus::kTooBig;
    Ball power;
    arb_set_si(power.get(), whole);
    arb_pow(value, value, power.get(), bits);
    return EvalStatus::kOk;
  }
  if (exact == EvalStatus::kTooBig || exact == EvalStatus::kUndefined) return exact;
  if (!arb_is_positive(value)) return EvalStatus::kUndefined;
  Ball power;
  const EvalStatus status = Evaluate(arena, node.b, bits, power.get(), work);
  if (status != EvalStatus::kOk) return status;
  Ball limit;
  arb_set_si(limit.get(), kMaxExponent);
  if (!arb_lt(power.get(), limit.get())) return EvalStatus::kTooBig;
  arb_pow(value, value, power.get(), bits);
  return EvalStatus::kOk;
}

EvalStatus Evaluate(const ExpressionArena& arena, int root, slong bits, arb_t value,
                    WorkBudget* work) {
  const ExpressionNode& node = arena.nodes[size_t(root)];
  work->Spend(Costs(bits).Other());
  switch (node.kind) {
    case NodeKind::kNumber: {
      const Fraction& number = arena.numbers[size_t(node.index)];
      work->SpendOn(number, number);
      arb_set_fmpq(value, number.get(), bits);
      return EvalStatus::kOk;
    }
    case NodeKind::kSymbol:
      return EvalStatus::kIrrational;
    case NodeKind::kFactorial:
    case NodeKind::kBinomial: {
      Fraction exact;
      const EvalStatus status = EvaluateExact(arena, root, &exact, work);
      work->SpendOn(exact, exact);
      if (status == EvalStatus::kOk) arb_set_fmpq(value, exact.get(), bits);
      return status;
    }
    default:
      break;
  }
  EvalStatus status = Evaluate(arena, node.a, bits, value, work);
  if (status != EvalStatus::kOk) return status;
  if (node.kind == NodeKind::kNegate) {
    arb_neg(value, value);
    return EvalStatus::kOk;
  }
  if (node.kind == NodeKind::kRoot) return Root(arena, node, bits, value, work);
  if (node.kind == NodeKind::kPower) return Power(arena, node, bits, value, work);
  Ball right;
  status = Evaluate(arena, node.b, bits, right.get(), work);
  if (status != EvalStatus::kOk) return status;
  if (node.kind == NodeKind::kAdd) arb_add(value, value, right.get(), bits);
  if (node.kind == NodeKind::kSubtract) arb_sub(value, value, right.get(), bits);
  if (node.kind == NodeKind::kMultiply) arb_mul(value, value, right.get(), bits);
  if (node.kind == NodeKind::kDivide) {
    if (arb_is_zero(right.get())) return EvalStatus::kUndefined;
    arb_div(value, value, right.get(), bits);
  }
  return EvalStatus::kOk;
}

std::string TextOf(arb_t value) {
  const std::unique_ptr<char, void (*)(void*)> text(arb_get_str(value, 12, 0), flint_free);
  return text.get();
}

double Midpoint(arb_t value) { return arf_get_d(arb_midref(value), ARF_RND_NEAR); }

}  // namespace

BallComparison CompareByBalls(const ExpressionArena& arena, int left, int right, WorkBudget* work) {
  BallComparison result;
  Ball a;
  Ball b;
  for (slong bits = kFirstBits; bits <= kMostBits; bits *= 2) {
    EvalStatus status = Evaluate(arena, left, bits, a.get(), work);
    if (status == EvalStatus::kOk) status = Evaluate(arena, right, bits, b.get(), work);
    if (status == EvalStatus::kTooBig || status == EvalStatus::kUndefined) {
      result.order = status == EvalStatus::kTooBig ? BallOrder::kTooBig : BallOrder::kUndefined;
      return result;
    }
    if (status != EvalStatus::kOk) continue;
    if (!arb_is_finite(a.get()) || !arb_is_finite(b.get())) continue;
    work->Spend(2 * kCostOfText);
    result.left = Midpoint(a.get());
    result.right = Midpoint(b.get());
    result.left_text = TextOf(a.get());
    result.right_text = TextOf(b.get());
    if (arb_lt(a.get(), b.get())) result.order = BallOrder::kLess;
    if (arb_gt(a.get(), b.get())) result.order = BallOrder::kGreater;
    if (result.order != BallOrder::kUnknown) return result;
  }
  return result;
}

}  // namespace prm
