#include "data/symbolic/relation_check.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "data/algebra/evaluate.h"
#include "data/math_text/math_tokens.h"
#include "data/math_text/relation_finder.h"
#include "data/symbolic/closed_check.h"

namespace prm {
namespace {

constexpr size_t kMaxRelations = 200;

// --- identities ---------------------------------------------------------------------------------

EvalStatus Evaluate(const ExpressionArena& arena, int root, Workspace* workspace,
                    RationalFunction* value) {
  return EvaluateSymbolic(arena, root, &workspace->symbols, value, &workspace->work);
}

// left = right as a polynomial that must be zero; nullopt past the limits.
std::optional<Polynomial> DifferenceOf(const RationalFunction& left, const RationalFunction& right,
                                       WorkBudget* work) {
  Polynomial a;
  Polynomial b;
  if (!Polynomial::Multiply(left.num, right.den, &a, work) ||
      !Polynomial::Multiply(right.num, left.den, &b, work)) {
    return {};
  }
  return Polynomial::Difference(a, b, work);
}

// Whether the sides, or only the left one, are equal under another reading.
bool HoldsInOtherReading(const RelationSides& sides, Workspace* workspace) {
  // 5 (x - 1) = 5 is an equation.
  const uint8_t open =
      (sides.left.parsed.traits.ambiguities | sides.right.parsed.traits.ambiguities) &
      uint8_t(~kReadBracketAsRemark);
  for (int reading = 1; open != 0 && reading < kNumReadings; ++reading) {
    if ((reading & ~open) != 0) continue;
    const ExpressionArena& again = workspace->scratch;
    workspace->scratch.Clear();
    const int left = ReadAgain(sides.step, sides.left.tokens, uint8_t(reading), workspace).root;
    const int right = ReadAgain(sides.step, sides.right.tokens, uint8_t(reading), workspace).root;
    if (left < 0 || right < 0) continue;
    for (const bool only_left : {false, true}) {
      RationalFunction a;
      RationalFunction b;
      if (Evaluate(again, left, workspace, &a) != EvalStatus::kOk) continue;
      const EvalStatus status = only_left
                                    ? Evaluate(sides.arena, sides.right.parsed.root, workspace, &b)
                                    : Evaluate(again, right, workspace, &b);
      if (status != EvalStatus::kOk) continue;
      const std::optional<Polynomial> difference = DifferenceOf(a, b, &workspace->work);
      if (difference && difference->IsZero()) return true;
    }
  }
  return false;
}

// "simplify 2(x + 3) = 8x + 24": the equation is the object of the rewriting.
bool IsObjectOfRewriting(const RelationSides& sides) {
  constexpr uint32_t kWordsBefore = 3;
  const uint32_t first = sides.found.left.first;
  for (uint32_t i = first; i > sides.found.sentence.first && first - i < kWordsBefore; --i) {
    const MathToken& token = sides.step.At(i - 1);
    if (token.kind == TokenKind::kComma || token.kind == TokenKind::kColon) return false;
    if (token.word.classes & kWordRewrite) return true;
  }
  return false;
}

std::vector<std::string_view> SymbolsOf(const TokenView& step, const Side& side) {
  std::vector<std::string_view> names;
  for (const MathToken& token : side.tokens) {
    if (token.kind != TokenKind::kSymbol) continue;
    names.push_back(step.text.substr(token.begin, token.end - token.begin));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// Whether the step claims that both sides are the same function: it announces a rewriting, both
// sides have the same variables, no equation binds these, and the left side can be rewritten.
bool IsIdentityClaim(const RelationSides& sides, const Polynomial& difference,
                     const SymbolTable& symbols, const EquationContext& known) {
  const SentenceCues& cues = sides.found.cues;
  if (!cues.rewrite || cues.equation || sides.found.relation != Relation::kEqual) return false;
  if (sides.left.parsed.traits.operations < 2 || IsObjectOfRewriting(sides)) return false;
  const bool has_bracket =
      std::any_of(sides.left.tokens.begin(), sides.left.tokens.end(),
                  [](const MathToken& t) { return t.kind == TokenKind::kOpen; });
  if (!has_bracket) return false;
  const std::vector<std::string_view> names = SymbolsOf(sides.step, sides.left);
  if (names.empty() || names != SymbolsOf(sides.step, sides.right)) return false;
  for (const PolynomialTerm& term : difference.terms()) {
    for (const Monomial::Factor& factor : term.monomial.factors) {
      if (factor.symbol == 0) break;
      const int symbol = factor.symbol - 1;
      if (known.Mentions(symbol) || symbols.NameOf(symbol) == "i") return false;
    }
  }
  return true;
}

// "120 m + 350 m = 480 m", "3/4 S + S = 2 S": a calculation with multiples of one term whose result
// is another multiple, beyond rounding. As an equation it would hold only for zero.
bool AreUnequalTerms(const RelationSides& sides, const Equation& equation, WorkBudget* work) {
  if (sides.found.relation != Relation::kEqual || sides.found.cues.equation ||
      sides.left.parsed.traits.operations < 2 || sides.right.parsed.traits.operations > 1) {
    return false;
  }
  for (const RationalFunction* value : {&equation.left, &equation.right}) {
    if (!value->den.IsConstant() || value->num.terms().size() != 1 || value->num.IsConstant()) {
      return false;
    }
  }
  const PolynomialTerm& a = equation.left.num.terms()[0];
  const PolynomialTerm& b = equation.right.num.terms()[0];
  if (a.monomial != b.monomial) return false;
  work->SpendOn(a.coefficient, equation.left.den.ConstantTerm());
  work->SpendOn(b.coefficient, equation.right.den.ConstantTerm());
  const Fraction from = a.coefficient / equation.left.den.ConstantTerm();
  const Fraction to = b.coefficient / equation.right.den.ConstantTerm();
  work->SpendOn(from, to, 3);
  const Fraction apart = (from - to).Abs();
  return from.IsInteger() && to.IsInteger() ? !apart.IsZero() : from.Abs() < apart * Fraction(20);
}

// --- sides --------------------------------------------------------------------------------------

Reason ReasonOf(EvalStatus status) {
  return status == EvalStatus::kTooBig      ? Reason::kTooBig
         : status == EvalStatus::kUndefined ? Reason::kUndefined
                                            : Reason::kUnread;
}

int StepsBetween(const RelationSides& sides) {
  return std::abs(sides.left.parsed.traits.operations - sides.right.parsed.traits.operations);
}

std::string Describe(const RationalFunction& value, const SymbolTable& symbols) {
  std::string shown = value.num.ToText(symbols);
  if (value.den.IsConstant() && value.den.ConstantTerm().IsOne()) return shown;
  return "(" + shown + ")/(" + value.den.ToText(symbols) + ")";
}

void CheckSymbolic(const RelationSides& sides, bool describe, Workspace* workspace,
                   TraceContext* context, RelationCheck* check) {
  Equation equation;
  for (const auto& [side, value] :
       {std::pair(&sides.left, &equation.left), std::pair(&sides.right, &equation.right)}) {
    const EvalStatus status = Evaluate(sides.arena, side->parsed.root, workspace, value);
    if (status == EvalStatus::kOk) continue;
    check->reason = ReasonOf(status);
    return;
  }
  // The text is charged even if not requested: a verdict must not depend on it.
  equation.left.SpendOnText(&workspace->work);
  equation.right.SpendOnText(&workspace->work);
  if (describe) {
    check->left_value = Describe(equation.left, workspace->symbols);
    check->right_value = Describe(equation.right, workspace->symbols);
  }
  if (!StatesEquality(sides.found.relation)) {
    check->reason = Reason::kInequality;
    return;
  }
  const std::optional<Polynomial> difference =
      DifferenceOf(equation.left, equation.right, &workspace->work);
  if (!difference) {
    check->reason = Reason::kTooBig;
    return;
  }
  check->operations = StepsBetween(sides);
  if (difference->IsZero() || HoldsInOtherReading(sides, workspace)) {
    check->Decide(Verdict::kArithOk, Reason::kIdentity);
    return;
  }
  if (IsIdentityClaim(sides, *difference, workspace->symbols, context->current()) ||
      AreUnequalTerms(sides, equation, &workspace->work)) {
    check->Decide(Verdict::kRefuted, Reason::kFalseIdentity, Severity::kHard);
    return;
  }
  equation.brackets = BracketsOf(sides, workspace);
  CheckInContext(sides, std::move(equation), workspace, context, check);
}

// Whether a calculation without symbols is an equation of the trace with a candidate substituted.
bool VerifiesCandidate(const RelationSides& sides, const TraceContext& context, WorkBudget* work) {
  if (context.candidates.empty()) return false;
  if (!sides.left.parsed.traits.has_operator && !sides.right.parsed.traits.has_operator) {
    return false;
  }
  Fraction left;
  Fraction right;
  return EvaluateExact(sides.arena, sides.left.parsed.root, &left, work) == EvalStatus::kOk &&
         EvaluateExact(sides.arena, sides.right.parsed.root, &right, work) == EvalStatus::kOk &&
         context.candidates.Explain(context.base, left, right, work);
}

// Returns whether the right side is clean enough to refute.
bool CheckNumbers(const RelationSides& sides, bool describe, Workspace* workspace,
                  const TraceContext& context, RelationCheck* check) {
  ClosedResult result = CheckClosed(sides, describe, workspace);
  check->verdict = result.verdict;
  check->reason = result.reason;
  check->left_value = std::move(result.left_value);
  check->right_value = std::move(result.right_value);
  check->operations = StepsBetween(sides);
  if (check->verdict == Verdict::kRefuted) check->severity = Severity::kHard;
  if (check->verdict == Verdict::kArithOk && VerifiesCandidate(sides, context, &workspace->work)) {
    check->reason = Reason::kCandidateVerified;
  }
  return sides.found.clean_right || (sides.found.share && result.may_be_shares);
}

// Why a false relation must not be reported as refuted: the sentence does not claim it, or a side
// may be larger than what was read.
std::optional<Reason> Doubt(const FoundRelation& found, bool clean_right) {
  if (!found.clean_left || !clean_right) return Reason::kUncleanBorder;
  if (found.obstacle != Reason::kWords) return found.obstacle;
  if (found.cues.modular) return Reason::kModular;
  if (found.cues.negated) return Reason::kNegation;
  if (found.cues.question) return Reason::kQuestion;
  if (found.cues.supposed) return Reason::kTrial;
  return {};
}

void CheckSides(const RelationSides& sides, const StepCheckOptions& options, Workspace* workspace,
                TraceContext* context, RelationCheck* check) {
  for (const Side* side : {&sides.left, &sides.right}) {
    if (side->parsed.root >= 0) continue;
    check->reason = side->parsed.reason;
    return;
  }
  if (options.describe) {
    check->left_form = ExpressionToText(sides.arena, sides.left.parsed.root, workspace->symbols);
    check->right_form = ExpressionToText(sides.arena, sides.right.parsed.root, workspace->symbols);
  }
  bool clean_right = sides.found.clean_right;
  if (sides.left.parsed.traits.has_symbol || sides.right.parsed.traits.has_symbol) {
    CheckSymbolic(sides, options.describe, workspace, context, check);
  } else {
    clean_right = CheckNumbers(sides, options.describe, workspace, *context, check);
  }
  if (check->verdict != Verdict::kRefuted) return;
  if (const std::optional<Reason> doubt = Doubt(sides.found, clean_right)) {
    check->Decide(Verdict::kNotChecked, *doubt);
  }
}

}  // namespace

bool ParsedStep::Read(std::string_view source, size_t most_bytes) {
  tokens.clear();
  relations.clear();
  if (source.size() > most_bytes) return false;
  text = source;
  LexMath(text, &tokens);
  return FindRelations(text, kMaxRelations, &tokens, &relations);
}

RelationCheck CheckRelation(const ParsedStep& step, const FoundRelation& found, Reason before,
                            const StepCheckOptions& options, ExpressionArena* arena,
                            Workspace* workspace, TraceContext* context) {
  RelationCheck check;
  const auto& tokens = step.tokens;
  const uint32_t first = found.left.empty() ? found.sign : found.left.first;
  const uint32_t last = found.right.empty() ? found.sign : found.right.last - 1;
  check.begin = std::min(tokens[first].begin, tokens[found.sign].begin);
  check.end = std::max(tokens[last].end, tokens[found.sign].end);
  check.relation = RelationSign(found.relation);
  if (found.left.empty() || found.right.empty()) {
    check.reason = found.obstacle;
    return check;
  }
  bool of_things = false;
  try {
    const RelationSides sides = ReadSides(step.view(), found, arena, workspace);
    of_things = sides.left.parsed.traits.has_unit_word;
    CheckSides(sides, options, workspace, context, &check);
  } catch (const WorkBudget::Exceeded&) {
    check.Decide(Verdict::kNotChecked, Reason::kTooBig);
    check.operations = 0;
  }
  // 1 apple = 1/2 banana = 3/4 cucumber: rates between things.
  const bool rates = check.verdict == Verdict::kRefuted && found.chained && of_things &&
                     before == Reason::kUnknownUnit;
  if (rates) check.Decide(Verdict::kNotChecked, Reason::kUnknownUnit);
  return check;
}

void TakeEquation(const ParsedStep& problem, const FoundRelation& found, ExpressionArena* arena,
                  Workspace* workspace, TraceContext* context) {
  if (found.relation != Relation::kEqual || !found.clean_left || !found.clean_right ||
      found.cues.negated) {
    return;
  }
  try {
    const RelationSides sides = ReadSides(problem.view(), found, arena, workspace);
    if (!sides.Parsed()) return;
    Equation equation;
    if (Evaluate(sides.arena, sides.left.parsed.root, workspace, &equation.left) !=
            EvalStatus::kOk ||
        Evaluate(sides.arena, sides.right.parsed.root, workspace, &equation.right) !=
            EvalStatus::kOk) {
      return;
    }
    equation.brackets = BracketsOf(sides, workspace);
    context->base.Add(std::move(equation), &workspace->work);
  } catch (const WorkBudget::Exceeded&) {
    // The problem's other equations can still be used.
  }
}

}  // namespace prm
