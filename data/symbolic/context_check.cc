#include "data/symbolic/context_check.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "data/algebra/evaluate.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

bool HasImaginaryUnit(const Equation& equation, SymbolTable* symbols) {
  const int unit = symbols->IdOf("i");
  return unit >= 0 && (equation.left.num.Contains(unit) || equation.right.num.Contains(unit));
}

bool HasAnyOf(const RationalFunction& side, const std::bitset<SymbolTable::kMaxSymbols>& symbols) {
  for (const Polynomial* part : {&side.num, &side.den}) {
    for (const PolynomialTerm& term : part->terms()) {
      for (const Monomial::Factor& factor : term.monomial.factors) {
        if (factor.symbol != 0 && symbols[size_t(factor.symbol - 1)]) return true;
      }
    }
  }
  return false;
}

// Whether both sides have a decimal point between or before digits.
bool HasDecimals(const RelationSides& sides) {
  const MathToken& first = sides.step.At(sides.found.left.first);
  const MathToken& last = sides.step.At(sides.found.right.last - 1);
  const std::string_view written = sides.step.text.substr(first.begin, last.end - first.begin);
  for (size_t at = written.find('.'); at != written.npos; at = written.find('.', at + 1)) {
    if (at + 1 < written.size() && IsDigit(written[at + 1])) return true;
  }
  return false;
}

// Whether an equation that contradicts the context has another explanation than a slip: a letter
// that names several values in turn (cases, trials, a new meaning), rounded decimals, or it follows
// from an earlier contradicting equation, which was reported itself.
bool IsExcused(const RelationSides& sides, const Equation& equation, WorkBudget* work,
               TraceContext* context) {
  const int named = NamedSymbol(equation.left, equation.right);
  const bool again =
      named >= 0 && (context->current().IsNamed(named) || context->disputed.IsNamed(named));
  if (again) context->renamed.set(size_t(named));
  return HasAnyOf(equation.left, context->renamed) || HasAnyOf(equation.right, context->renamed) ||
         HasDecimals(sides) ||
         context->disputed.Ask(equation, work).answer == ContextAnswer::kFollows;
}

}  // namespace

void TraceContext::StartFrame(WorkBudget* work) {
  constexpr int64_t kCostOfWord = 10;  // of a copy, including its allocations
  in_frame = true;
  const int64_t cost = kCostOfWord * base.Words();
  if (cost > work->left()) {
    frame.Clear();
    return;
  }
  work->Spend(cost);
  frame = base;
}

void TraceContext::Forget() {
  base.Clear();
  in_frame = false;
  disputed.Clear();
  renamed.reset();
}

std::vector<Polynomial> BracketsOf(const RelationSides& sides, Workspace* workspace) {
  std::vector<Polynomial> brackets;
  std::vector<std::pair<int, bool>> open = {{sides.left.parsed.root, false},
                                            {sides.right.parsed.root, false}};
  while (!open.empty()) {
    const auto [at, is_bracket] = open.back();
    open.pop_back();
    const ExpressionNode& node = sides.arena.nodes[size_t(at)];
    const bool is_sum = node.kind == NodeKind::kAdd || node.kind == NodeKind::kSubtract;
    if (!is_bracket && (is_sum || node.kind == NodeKind::kNegate)) {
      open.push_back({node.a, false});
      // A sum after a sign was written in brackets.
      if (is_sum) open.push_back({node.b, true});
      continue;
    }
    if (node.a < 0) continue;
    RationalFunction value;
    if (EvaluateSymbolic(sides.arena, at, &workspace->symbols, &value, &workspace->work) !=
        EvalStatus::kOk) {
      continue;
    }
    if (!value.den.IsConstant() || value.num.terms().size() < 2) continue;
    brackets.push_back(value.num.Scaled(Fraction(1) / value.den.ConstantTerm(), &workspace->work));
  }
  return brackets;
}

bool Retracts(const TokenView& step) {
  for (uint32_t i = 0; i < step.Size(); ++i) {
    if ((step.At(i).word.classes & kWordNegation) != 0 &&
        step.IsForm(i, {"mistake", "wrong", "incorrect", "error"})) {
      return true;
    }
  }
  return false;
}

void CheckInContext(const RelationSides& sides, Equation equation, Workspace* workspace,
                    TraceContext* context, RelationCheck* check) {
  WorkBudget* work = &workspace->work;
  const FoundRelation& found = sides.found;
  check->operations = 0;
  context->candidates.Note(equation, work);
  const ContextReply reply = context->current().Ask(equation, work);
  switch (reply.answer) {
    case ContextAnswer::kFollows:
      if (found.cues.trial) {
        check->reason = Reason::kTrial;
        return;
      }
      check->Decide(Verdict::kArithOk, Reason::kFollows);
      // Not for complex numbers, whose i the context treats as an unknown.
      check->operations = HasImaginaryUnit(equation, &workspace->symbols) ? 0 : reply.operations;
      break;
    case ContextAnswer::kContradicts:
      if (context->in_frame || IsExcused(sides, equation, work, context)) {
        check->reason = Reason::kTrial;
        return;
      }
      // If two equations contradict each other, the trace continues from the later one.
      if (context->disputed.Ask(equation, work).answer == ContextAnswer::kContradicts) {
        context->disputed.Clear();
      }
      context->disputed.Add(std::move(equation), work);
      check->Decide(Verdict::kRefuted, Reason::kContradictsContext, Severity::kSoft);
      return;
    case ContextAnswer::kNarrowing: {
      const bool divides =
          MentionsDivision(sides.step.text.substr(0, sides.step.At(found.sign).begin));
      check->reason = reply.divided_by_unknown && divides ? Reason::kLostCase : Reason::kNarrowing;
      return;
    }
    case ContextAnswer::kExtraneous:
      check->reason = Reason::kExtraneous;
      return;
    case ContextAnswer::kNew:
      check->reason = Reason::kNewEquation;
      break;
  }
  const bool claimed = !found.cues.question && !found.cues.negated && !found.cues.modular;
  if (found.clean_left && found.clean_right && claimed) {
    context->current().Add(std::move(equation), work);
  }
}

}  // namespace prm
