#include "data/algebra/evaluate.h"

#include <flint/fmpz.h>

#include <cmath>
#include <utility>

namespace prm {
namespace {

constexpr int64_t kMaxFactorial = 5000;
constexpr int64_t kMaxRoot = 60;
constexpr int64_t kMaxExponent = Fraction::kMaxBits;

// The root of degree `degree` if it is rational. Cheaper than a product of numbers of this size.
bool ExactRoot(const Fraction& value, int64_t degree, Fraction* root) {
  if (value.Sign() < 0) {
    if (degree % 2 == 0 || !ExactRoot(-value, degree, root)) return false;
    *root = -*root;
    return true;
  }
  Fraction found;
  fmpq* out = found.get();
  if (!fmpz_root(fmpq_numref(out), fmpq_numref(value.get()), degree)) return false;
  if (!fmpz_root(fmpq_denref(out), fmpq_denref(value.get()), degree)) return false;
  *root = std::move(found);
  return true;
}

EvalStatus RootOf(const Fraction& value, const Fraction& degree, Fraction* root, WorkBudget* work) {
  int64_t n = 0;
  work->SpendOn(value, value);
  if (!degree.AsInteger(2, kMaxRoot, &n)) return EvalStatus::kTooBig;
  if (value.Sign() < 0 && n % 2 == 0) return EvalStatus::kUndefined;
  return ExactRoot(value, n, root) ? EvalStatus::kOk : EvalStatus::kIrrational;
}

EvalStatus WholePower(const Fraction& base, int64_t exponent, Fraction* power, WorkBudget* work) {
  if (base.IsZero() && exponent <= 0) return EvalStatus::kUndefined;
  const int64_t size = exponent < 0 ? -exponent : exponent;
  if (base.Bits() > 1 && base.Bits() * size > Fraction::kMaxBits) return EvalStatus::kTooBig;
  work->SpendOnPower(base, exponent);
  *power = base.Power(exponent);
  return EvalStatus::kOk;
}

EvalStatus PowerOf(const Fraction& base, const Fraction& exponent, Fraction* power,
                   WorkBudget* work) {
  int64_t whole = 0;
  if (exponent.AsInteger(-kMaxExponent, kMaxExponent, &whole)) {
    return WholePower(base, whole, power, work);
  }
  if (exponent.IsInteger()) {
    if (!base.Abs().IsOne()) return EvalStatus::kTooBig;
    *power =
        base.Sign() < 0 && fmpz_is_odd(fmpq_numref(exponent.get())) ? Fraction(-1) : Fraction(1);
    return EvalStatus::kOk;
  }
  if (base.Sign() < 0) return EvalStatus::kUndefined;
  Fraction degree;
  fmpz_set(fmpq_numref(degree.get()), fmpq_denref(exponent.get()));
  Fraction root;
  const EvalStatus status = RootOf(base, degree, &root, work);
  if (status != EvalStatus::kOk) return status;
  work->SpendOn(exponent, degree);
  const Fraction times = exponent * degree;
  if (!times.AsInteger(-kMaxExponent, kMaxExponent, &whole)) return EvalStatus::kTooBig;
  return WholePower(root, whole, power, work);
}

EvalStatus FactorialOf(const Fraction& value, Fraction* factorial, WorkBudget* work) {
  constexpr int64_t kCostOfFactor = 20;
  int64_t n = 0;
  if (!value.IsInteger() || value.Sign() < 0) return EvalStatus::kUndefined;
  if (!value.AsInteger(0, kMaxFactorial, &n)) return EvalStatus::kTooBig;
  work->Spend(kCostOfFactor * n);
  Fraction found;
  fmpz_fac_ui(fmpq_numref(found.get()), ulong(n));
  *factorial = std::move(found);
  return EvalStatus::kOk;
}

EvalStatus BinomialOf(const Fraction& above, const Fraction& below, Fraction* binomial,
                      WorkBudget* work) {
  constexpr int64_t kCostOfFactor = 5;
  int64_t n = 0;
  int64_t k = 0;
  if (!above.AsInteger(0, kMaxFactorial, &n) || !below.AsInteger(0, kMaxFactorial, &k)) {
    return above.IsInteger() && below.IsInteger() ? EvalStatus::kTooBig : EvalStatus::kUndefined;
  }
  work->Spend(kCostOfFactor * n);
  Fraction found;
  fmpz_bin_uiui(fmpq_numref(found.get()), ulong(n), ulong(k));
  *binomial = std::move(found);
  return EvalStatus::kOk;
}

bool Fits(const Fraction& a, const Fraction& b) {
  return a.Bits() + b.Bits() <= Fraction::kMaxBits;
}

// The largest square dividing n > 0: n = root^2 * rest.
void SplitSquare(int64_t n, int64_t* root, int64_t* rest, WorkBudget* work) {
  constexpr double kCostOfDivision = 15;
  work->Spend(int64_t(kCostOfDivision * std::sqrt(double(n))));
  *root = 1;
  for (int64_t d = 2; d * d <= n; ++d) {
    while (n % (d * d) == 0) {
      n /= d * d;
      *root *= d;
    }
  }
  *rest = n;
}

constexpr std::string_view kSurd = "sqrt(";
constexpr int64_t kMaxSurd = 100'000'000;

// n for a symbol named "sqrt(n)", 0 for others.
int64_t SurdOf(const SymbolTable& symbols, int symbol) {
  const std::string_view name = symbols.NameOf(symbol);
  if (!name.starts_with(kSurd)) return 0;
  int64_t n = 0;
  for (const char c : name.substr(kSurd.size())) {
    if (c != ')') n = n * 10 + (c - '0');
  }
  return n;
}

class SymbolicEvaluator {
 public:
  SymbolicEvaluator(const ExpressionArena& arena, SymbolTable* symbols, WorkBudget* work)
      : arena_(arena), symbols_(*symbols), work_(work) {}

  EvalStatus Run(int root, RationalFunction* value) {
    const ExpressionNode& node = arena_.nodes[size_t(root)];
    switch (node.kind) {
      case NodeKind::kNumber:
        value->num = Polynomial(arena_.numbers[size_t(node.index)]);
        return EvalStatus::kOk;
      case NodeKind::kSymbol:
        value->num = Polynomial::Variable(node.index);
        return EvalStatus::kOk;
      case NodeKind::kNegate: {
        const EvalStatus status = Run(node.a, value);
        value->num = value->num.Scaled(Fraction(-1), work_);
        return status;
      }
      case NodeKind::kRoot:
        return Root(node, value);
      case NodeKind::kPower:
        return Power(node, value);
      case NodeKind::kFactorial:
      case NodeKind::kBinomial:
        return Closed(root, value);
      default:
        return Binary(node, value);
    }
  }

 private:
  EvalStatus Closed(int root, RationalFunction* value) {
    Fraction exact;
    const EvalStatus status = EvaluateExact(arena_, root, &exact, work_);
    if (status == EvalStatus::kOk) value->num = Polynomial(std::move(exact));
    return status;
  }

  EvalStatus Binary(const ExpressionNode& node, RationalFunction* value) {
    RationalFunction right;
    EvalStatus status = Run(node.a, value);
    if (status == EvalStatus::kOk) status = Run(node.b, &right);
    if (status != EvalStatus::kOk) return status;
    switch (node.kind) {
      case NodeKind::kMultiply:
        return Product(value->num, right.num, &value->num) &&
                       Product(value->den, right.den, &value->den)
                   ? EvalStatus::kOk
                   : EvalStatus::kTooBig;
      case NodeKind::kDivide:
        if (right.num.IsZero()) return EvalStatus::kUndefined;
        return Product(value->num, right.den, &value->num) &&
                       Product(value->den, right.num, &value->den)
                   ? EvalStatus::kOk
                   : EvalStatus::kTooBig;
      default:
        return Sum(*value, right, node.kind == NodeKind::kAdd ? 1 : -1, value);
    }
  }

  EvalStatus Sum(const RationalFunction& a, const RationalFunction& b, int sign,
                 RationalFunction* sum) {
    Polynomial left;
    Polynomial right;
    Polynomial den;
    if (!Product(a.num, b.den, &left) || !Product(b.num, a.den, &right) ||
        !Product(a.den, b.den, &den)) {
      return EvalStatus::kTooBig;
    }
    sum->num = Polynomial::Sum(left, right, Fraction(sign), work_);
    sum->den = std::move(den);
    return sum->num.terms().size() <= Polynomial::kMaxTerms ? EvalStatus::kOk : EvalStatus::kTooBig;
  }

  EvalStatus Power(const ExpressionNode& node, RationalFunction* value) {
    Fraction exponent;
    EvalStatus status = EvaluateExact(arena_, node.b, &exponent, work_);
    if (status != EvalStatus::kOk) return status;
    RationalFunction base;
    status = Run(node.a, &base);
    if (status != EvalStatus::kOk) return status;
    if (base.num.IsConstant() && base.den.IsConstant()) {
      Fraction power;
      const Fraction constant = Quotient(base);
      status = PowerOf(constant, exponent, &power, work_);
      if (status == EvalStatus::kOk) value->num = Polynomial(std::move(power));
      if (status != EvalStatus::kIrrational || !(exponent == Fraction(1, 2))) return status;
      return Surd(constant, value);
    }
    int64_t whole = 0;
    if (!exponent.IsInteger()) return EvalStatus::kIrrational;
    if (!exponent.AsInteger(-Polynomial::kMaxDegree, Polynomial::kMaxDegree, &whole)) {
      return EvalStatus::kTooBig;
    }
    if (whole < 0) {
      if (base.num.IsZero()) return EvalStatus::kUndefined;
      std::swap(base.num, base.den);
      whole = -whole;
    }
    value->num = Polynomial(Fraction(1));
    value->den = Polynomial(Fraction(1));
    for (int64_t i = 0; i < whole; ++i) {
      if (!Product(value->num, base.num, &value->num) ||
          !Product(value->den, base.den, &value->den)) {
        return EvalStatus::kTooBig;
      }
    }
    return EvalStatus::kOk;
  }

  EvalStatus Root(const ExpressionNode& node, RationalFunction* value) {
    Fraction degree;
    EvalStatus status = EvaluateExact(arena_, node.b, &degree, work_);
    if (status != EvalStatus::kOk) return status;
    RationalFunction radicand;
    status = Run(node.a, &radicand);
    if (status != EvalStatus::kOk) return status;
    if (!radicand.num.IsConstant() || !radicand.den.IsConstant()) return EvalStatus::kIrrational;
    const Fraction under = Quotient(radicand);
    Fraction exact;
    status = RootOf(under, degree, &exact, work_);
    if (status == EvalStatus::kOk) value->num = Polynomial(std::move(exact));
    if (status != EvalStatus::kIrrational || !(degree == Fraction(2))) return status;
    return Surd(under, value);
  }

  // The quotient of a function without symbols.
  Fraction Quotient(const RationalFunction& constant) {
    const Fraction num = constant.num.ConstantTerm();
    const Fraction den = constant.den.ConstantTerm();
    work_->SpendOn(num, den);
    return num / den;
  }

  // sqrt(p/q) = sqrt(p*q)/q.
  EvalStatus Surd(const Fraction& under, RationalFunction* value) {
    Fraction den;
    fmpz_set(fmpq_numref(den.get()), fmpq_denref(under.get()));
    int64_t product = 0;
    work_->SpendOn(under, den, 2);
    if (!(under * den * den).AsInteger(1, kMaxSurd, &product)) return EvalStatus::kIrrational;
    int64_t root = 0;
    int64_t rest = 0;
    SplitSquare(product, &root, &rest, work_);
    const int symbol = symbols_.IdOf(std::string(kSurd) + std::to_string(rest) + ")");
    if (symbol < 0) return EvalStatus::kTooBig;
    has_surds_ = true;
    value->num = Polynomial::Variable(symbol).Scaled(Fraction(root) / den, work_);
    return EvalStatus::kOk;
  }

  bool Product(const Polynomial& a, const Polynomial& b, Polynomial* product) {
    if (!Polynomial::Multiply(a, b, product, work_)) return false;
    return !has_surds_ || ReduceSurds(product);
  }

  // Each term keeps at most one root: sqrt(2)*sqrt(6) is 2*sqrt(3).
  bool ReduceSurds(Polynomial* polynomial) {
    Polynomial reduced;
    for (const PolynomialTerm& term : polynomial->terms()) {
      PolynomialTerm rest{{}, term.coefficient};
      size_t kept = 0;
      int64_t under = 1;
      for (const Monomial::Factor& factor : term.monomial.factors) {
        if (factor.symbol == 0) break;
        const int64_t surd = SurdOf(symbols_, factor.symbol - 1);
        if (surd == 0) {
          rest.monomial.factors[kept++] = factor;
          continue;
        }
        for (int i = 0; i + 1 < factor.exponent; i += 2) {
          work_->SpendOn(rest.coefficient, Fraction(surd));
          rest.coefficient = rest.coefficient * Fraction(surd);
        }
        if (factor.exponent % 2 != 0) under *= surd;
        if (under > kMaxSurd) return false;
      }
      int64_t root = 1;
      int64_t left = 1;
      SplitSquare(under, &root, &left, work_);
      work_->SpendOn(rest.coefficient, Fraction(root));
      rest.coefficient = rest.coefficient * Fraction(root);
      Polynomial one;
      one.AddTerm(rest, work_);
      if (left > 1) {
        const int symbol = symbols_.IdOf(std::string(kSurd) + std::to_string(left) + ")");
        if (symbol < 0 || !Polynomial::Multiply(one, Polynomial::Variable(symbol), &one, work_)) {
          return false;
        }
      }
      reduced = Polynomial::Sum(reduced, one, Fraction(1), work_);
    }
    *polynomial = std::move(reduced);
    return true;
  }

  const ExpressionArena& arena_;
  SymbolTable& symbols_;
  WorkBudget* work_;
  bool has_surds_ = false;
};

}  // namespace

EvalStatus EvaluateExact(const ExpressionArena& arena, int root, Fraction* value,
                         WorkBudget* work) {
  const ExpressionNode& node = arena.nodes[size_t(root)];
  if (node.kind == NodeKind::kNumber) {
    *value = arena.numbers[size_t(node.index)];
    return EvalStatus::kOk;
  }
  if (node.kind == NodeKind::kSymbol) return EvalStatus::kIrrational;
  Fraction a;
  const EvalStatus left = EvaluateExact(arena, node.a, &a, work);
  if (left == EvalStatus::kTooBig || left == EvalStatus::kUndefined) return left;
  Fraction b;
  if (node.b >= 0) {
    const EvalStatus right = EvaluateExact(arena, node.b, &b, work);
    if (right != EvalStatus::kOk) return right;
  }
  if (left != EvalStatus::kOk) return left;
  work->SpendOn(a, b);
  switch (node.kind) {
    case NodeKind::kAdd:
    case NodeKind::kSubtract:
      if (!Fits(a, b)) return EvalStatus::kTooBig;
      *value = node.kind == NodeKind::kAdd ? a + b : a - b;
      return EvalStatus::kOk;
    case NodeKind::kMultiply:
      if (!Fits(a, b)) return EvalStatus::kTooBig;
      *value = a * b;
      return EvalStatus::kOk;
    case NodeKind::kDivide:
      if (b.IsZero()) return EvalStatus::kUndefined;
      if (!Fits(a, b)) return EvalStatus::kTooBig;
      *value = a / b;
      return EvalStatus::kOk;
    case NodeKind::kPower:
      return PowerOf(a, b, value, work);
    case NodeKind::kNegate:
      *value = -a;
      return EvalStatus::kOk;
    case NodeKind::kRoot:
      return RootOf(a, b, value, work);
    case NodeKind::kFactorial:
      return FactorialOf(a, value, work);
    case NodeKind::kBinomial:
      return BinomialOf(a, b, value, work);
    default:
      return EvalStatus::kIrrational;
  }
}

EvalStatus EvaluateSymbolic(const ExpressionArena& arena, int root, SymbolTable* symbols,
                            RationalFunction* value, WorkBudget* work) {
  *value = RationalFunction{};
  return SymbolicEvaluator(arena, symbols, work).Run(root, value);
}

}  // namespace prm
