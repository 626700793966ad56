#include "data/symbolic/candidates.h"

#include <algorithm>

namespace prm {

void Candidates::Clear() {
  values_.clear();
  old_ = 0;
}

void Candidates::StartStep() {
  values_.erase(values_.begin(), values_.begin() + std::ptrdiff_t(old_));
  old_ = values_.size();
}

void Candidates::Note(const Equation& equation, WorkBudget* work) {
  const RationalFunction& left = equation.left;
  const RationalFunction& right = equation.right;
  const int symbol = left.num.OnlySymbol();
  if (symbol < 0 || left.num.terms().size() != 1 || left.num.Degree() != 1) return;
  if (!left.den.IsConstant() || !right.num.IsConstant() || !right.den.IsConstant()) return;
  const Fraction factor = left.num.terms()[0].coefficient;
  work->SpendOn(factor, left.den.ConstantTerm());
  const Fraction scale = factor / left.den.ConstantTerm();
  work->SpendOn(right.num.ConstantTerm(), right.den.ConstantTerm());
  const Fraction scaled = right.num.ConstantTerm() / right.den.ConstantTerm();
  work->SpendOn(scaled, scale);
  values_.push_back({symbol, scaled / scale});
}

bool Candidates::Explain(const EquationContext& context, const Fraction& left,
                         const Fraction& right, WorkBudget* work) const {
  return std::any_of(values_.begin(), values_.end(), [&](const Candidate& candidate) {
    return context.IsSubstituted(candidate.symbol, candidate.value, left, right, work);
  });
}

}  // namespace prm
