#include "data/symbolic/step_checker.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <span>
#include <utility>

#include "data/algebra/equation_context.h"
#include "data/algebra/evaluate.h"
#include "data/algebra/expression_parser.h"
#include "data/math_text/math_tokens.h"
#include "data/math_text/relation_finder.h"
#include "data/symbolic/closed_check.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

constexpr size_t kMaxStepBytes = 16384;
constexpr size_t kMaxProblemBytes = 65536;
constexpr size_t kMaxRelations = 200;

std::string_view RelationText(char op) {
  switch (op) {
    case '~':
      return "~";
    case '<':
      return "<";
    case '>':
      return ">";
    case 'l':
      return "<=";
    case 'g':
      return ">=";
    case 'n':
      return "!=";
    default:
      return "=";
  }
}

// One side, read once though two relations of a chain share it.
struct Side {
  std::span<const MathToken> tokens;
  ParsedExpression parsed;
};

struct Candidate {
  int symbol;
  Fraction value;
};

}  // namespace

bool StepCheck::AllOk() const {
  return !relations.empty() &&
         std::all_of(relations.begin(), relations.end(),
                     [](const RelationCheck& r) { return r.verdict == Verdict::kArithOk; });
}

struct StepChecker::State {
  explicit State(const StepCheckOptions& step_options) : options(step_options) {}

  void Forget();
  void ReadProblem(std::string_view problem);
  bool Retracts() const;
  StepCheck Check(std::string_view step);
  RelationCheck CheckRelation(const FoundRelation& found, Reason before_reason);
  void CheckSides(const FoundRelation& found, RelationCheck* check);
  void CheckSymbolic(const FoundRelation& found, RelationCheck* check);
  void AskContext(const FoundRelation& found, Equation equation, RelationCheck* check);
  std::vector<Polynomial> Brackets();
  bool HasImaginaryUnit(const Equation& equation);
  bool IsExcused(const FoundRelation& found, const Equation& equation);
  bool HoldsInOtherReading();
  bool IsIdentityClaim(const FoundRelation& found, const Polynomial& difference) const;
  bool AreUnequalTerms(const FoundRelation& found, const Equation& equation) const;
  bool VerifiesCandidate();
  void NoteCandidate(const Equation& equation);
  Side Read(TokenRange range);
  void Finish(StepCheck* check) const;
  // The last frame: where the step's equations go and are asked.
  EquationContext& context() { return in_frame ? frame : base; }

  StepCheckOptions options;
  std::string_view text;
  std::vector<MathToken> tokens;
  std::vector<FoundRelation> relations;
  ExpressionArena arena;
  SymbolTable symbols;
  EquationContext base;
  EquationContext frame;  // base and what a supposition adds, until the next one
  bool in_frame = false;
  EquationContext disputed;  // what contradicted the context
  std::vector<int> renamed;  // symbols that were given a second value
  Side left;
  Side right;
  std::vector<Candidate> candidates;  // of this step and the one before
  size_t old_candidates = 0;
};

Side StepChecker::State::Read(TokenRange range) {
  Side side;
  side.tokens = std::span<const MathToken>(tokens).subspan(range.first, range.last - range.first);
  side.parsed = ParseMath(text, side.tokens, 0, &symbols, &arena);
  return side;
}

void StepChecker::State::Forget() {
  base.Clear();
  in_frame = false;
  disputed.Clear();
  renamed.clear();
}

void StepChecker::State::ReadProblem(std::string_view problem) {
  symbols.Clear();
  Forget();
  candidates.clear();
  old_candidates = 0;
  if (problem.size() > kMaxProblemBytes || problem.find('=') == problem.npos) return;
  text = problem;
  LexMath(text, &tokens);
  FindRelations(text, &tokens, &relations);
  if (relations.size() > kMaxRelations) return;
  for (const FoundRelation& found : relations) {
    if (found.op != '=' || !found.clean_left || !found.clean_right || found.cues.negated) continue;
    arena.Clear();
    left = Read(found.left);
    right = Read(found.right);
    if (left.parsed.root < 0 || right.parsed.root < 0) continue;
    Equation equation;
    if (EvaluateSymbolic(arena, left.parsed.root, &symbols, &equation.left) != EvalStatus::kOk ||
        EvaluateSymbolic(arena, right.parsed.root, &symbols, &equation.right) != EvalStatus::kOk) {
      continue;
    }
    equation.brackets = Brackets();
    base.Add(std::move(equation));
  }
}

StepCheck StepChecker::State::Check(std::string_view step) {
  StepCheck check;
  if (step.size() > kMaxStepBytes) {
    check.reason = Reason::kTooBig;
    return check;
  }
  text = step;
  LexMath(text, &tokens);
  FindRelations(text, &tokens, &relations);
  if (relations.size() > kMaxRelations) {
    check.reason = Reason::kTooBig;
    return check;
  }
  if (Retracts()) Forget();
  candidates.erase(candidates.begin(), candidates.begin() + std::ptrdiff_t(old_candidates));
  old_candidates = candidates.size();
  check.relations.reserve(relations.size());
  uint32_t trial_sentence = UINT32_MAX;
  for (size_t i = 0; i < relations.size(); ++i) {
    const FoundRelation& found = relations[i];
    if (found.cues.trial && found.sentence.first != trial_sentence) {
      trial_sentence = found.sentence.first;
      frame = base;
      in_frame = true;
    }
    const Reason before =
        check.relations.empty() ? Reason::kNoRelation : check.relations.back().reason;
    check.relations.push_back(CheckRelation(found, before));
  }
  Finish(&check);
  return check;
}

RelationCheck StepChecker::State::CheckRelation(const FoundRelation& found, Reason before_reason) {
  RelationCheck check;
  const uint32_t first = found.left.empty() ? found.sign : found.left.first;
  const uint32_t last = found.right.empty() ? found.sign : found.right.last - 1;
  check.begin = std::min(tokens[first].begin, tokens[found.sign].begin);
  check.end = std::max(tokens[last].end, tokens[found.sign].end);
  check.relation = RelationText(found.op);
  if (found.left.empty() || found.right.empty()) {
    check.reason = found.obstacle;
    return check;
  }
  arena.Clear();
  left = Read(found.left);
  right = Read(found.right);
  for (const Side* side : {&left, &right}) {
    if (side->parsed.root >= 0) continue;
    check.reason = side->parsed.reason;
    return check;
  }
  if (options.describe) {
    check.left_form = ExpressionToText(arena, left.parsed.root, symbols);
    check.right_form = ExpressionToText(arena, right.parsed.root, symbols);
  }
  CheckSides(found, &check);
  // 1 apple = 1/2 banana = 3/4 cucumber: rates between things.
  const bool rates = check.verdict == Verdict::kRefuted && found.chained &&
                     left.parsed.traits.has_unit_word && before_reason == Reason::kUnknownUnit;
  if (rates) {
    check.verdict = Verdict::kNotChecked;
    check.reason = Reason::kUnknownUnit;
    check.severity = Severity::kNone;
  }
  return check;
}

void StepChecker::State::CheckSides(const FoundRelation& found, RelationCheck* check) {
  bool clean_right = found.clean_right;
  if (left.parsed.traits.has_symbol || right.parsed.traits.has_symbol) {
    CheckSymbolic(found, check);
  } else {
    ClosedPair pair{text, left.tokens, right.tokens, left.parsed, right.parsed, &found, {}};
    pair.rest = std::span<const MathToken>(tokens).subspan(found.right.last);
    ClosedResult result = CheckClosed(pair, options.describe, &symbols, &arena);
    check->verdict = result.verdict;
    check->reason = result.reason;
    check->left_value = std::move(result.left_value);
    check->right_value = std::move(result.right_value);
    clean_right |= found.share && result.may_be_shares;
    check->operations = std::abs(left.parsed.traits.operations - right.parsed.traits.operations);
    if (check->verdict == Verdict::kRefuted) check->severity = Severity::kHard;
    if (check->verdict == Verdict::kArithOk && VerifiesCandidate()) {
      check->reason = Reason::kCandidateVerified;
    }
  }
  if (check->verdict != Verdict::kRefuted) return;
  std::optional<Reason> unsure;
  if (found.cues.supposed) unsure = Reason::kTrial;
  if (found.cues.question) unsure = Reason::kQuestion;
  if (found.cues.negated) unsure = Reason::kNegation;
  if (found.cues.modular) unsure = Reason::kModular;
  if (found.obstacle != Reason::kWords) unsure = found.obstacle;
  if (!found.clean_left || !clean_right) unsure = Reason::kUncleanBorder;
  if (!unsure) return;
  check->verdict = Verdict::kNotChecked;
  check->reason = *unsure;
  check->severity = Severity::kNone;
}

void StepChecker::State::CheckSymbolic(const FoundRelation& found, RelationCheck* check) {
  Equation equation;
  for (const auto& [side, value] :
       {std::pair(&left, &equation.left), std::pair(&right, &equation.right)}) {
    const EvalStatus status = EvaluateSymbolic(arena, side->parsed.root, &symbols, value);
    if (status == EvalStatus::kOk) continue;
    check->reason = status == EvalStatus::kTooBig      ? Reason::kTooBig
                    : status == EvalStatus::kUndefined ? Reason::kUndefined
                                                       : Reason::kUnread;
    return;
  }
  if (options.describe) {
    const auto describe = [&](const RationalFunction& value) {
      std::string shown = value.num.ToText(symbols);
      if (value.den.IsConstant() && value.den.ConstantTerm().IsOne()) return shown;
      return "(" + shown + ")/(" + value.den.ToText(symbols) + ")";
    };
    check->left_value = describe(equation.left);
    check->right_value = describe(equation.right);
  }
  if (found.op != '=' && found.op != '~') {
    check->reason = Reason::kInequality;
    return;
  }
  Polynomial a;
  Polynomial b;
  if (!Polynomial::Multiply(equation.left.num, equation.right.den, &a) ||
      !Polynomial::Multiply(equation.right.num, equation.left.den, &b)) {
    check->reason = Reason::kTooBig;
    return;
  }
  const Polynomial difference = a - b;
  check->operations = std::abs(left.parsed.traits.operations - right.parsed.traits.operations);
  if (difference.IsZero() || HoldsInOtherReading()) {
    check->verdict = Verdict::kArithOk;
    check->reason = Reason::kIdentity;
    return;
  }
  if (IsIdentityClaim(found, difference) || AreUnequalTerms(found, equation)) {
    check->verdict = Verdict::kRefuted;
    check->reason = Reason::kFalseIdentity;
    check->severity = Severity::kHard;
    return;
  }
  equation.brackets = Brackets();
  AskContext(found, std::move(equation), check);
}

// Addends of both sides that are not single terms.
std::vector<Polynomial> StepChecker::State::Brackets() {
  std::vector<Polynomial> brackets;
  std::vector<std::pair<int, bool>> open = {{left.parsed.root, false}, {right.parsed.root, false}};
  while (!open.empty()) {
    const auto [at, is_bracket] = open.back();
    open.pop_back();
    const ExpressionNode node = arena.nodes[size_t(at)];
    const bool is_sum = node.kind == NodeKind::kAdd || node.kind == NodeKind::kSubtract;
    if (!is_bracket && (is_sum || node.kind == NodeKind::kNegate)) {
      open.push_back({node.a, false});
      // A sum behind a sign was written in brackets.
      if (is_sum) open.push_back({node.b, true});
      continue;
    }
    if (node.a < 0) continue;
    RationalFunction value;
    if (EvaluateSymbolic(arena, at, &symbols, &value) != EvalStatus::kOk) continue;
    if (!value.den.IsConstant() || value.num.terms().size() < 2) continue;
    brackets.push_back(value.num.Scaled(Fraction(1) / value.den.ConstantTerm()));
  }
  return brackets;
}

bool StepChecker::State::HasImaginaryUnit(const Equation& equation) {
  const int unit = symbols.IdOf("i");
  return unit >= 0 && (equation.left.num.Contains(unit) || equation.right.num.Contains(unit));
}

void StepChecker::State::AskContext(const FoundRelation& found, Equation equation,
                                    RelationCheck* check) {
  check->operations = 0;
  NoteCandidate(equation);
  const bool clean = found.clean_left && found.clean_right;
  const ContextReply reply = context().Ask(equation);
  switch (reply.answer) {
    case ContextAnswer::kFollows:
      if (found.cues.trial) {
        check->reason = Reason::kTrial;
        return;
      }
      check->verdict = Verdict::kArithOk;
      check->reason = Reason::kFollows;
      // Not of complex numbers, whose i the context takes for an unknown.
      check->operations = HasImaginaryUnit(equation) ? 0 : reply.operations;
      break;
    case ContextAnswer::kContradicts:
      if (in_frame || IsExcused(found, equation)) {
        check->reason = Reason::kTrial;
        return;
      }
      // Of two that contradict each other, the later one is what the trace goes on from.
      if (disputed.Ask(equation).answer == ContextAnswer::kContradicts) disputed.Clear();
      disputed.Add(std::move(equation));
      check->verdict = Verdict::kRefuted;
      check->reason = Reason::kContradictsContext;
      check->severity = Severity::kSoft;
      return;
    case ContextAnswer::kNarrowing: {
      const std::string_view sentence = text.substr(0, tokens[found.sign].begin);
      const bool divides =
          sentence.find("ivid") != sentence.npos || sentence.find("ancel") != sentence.npos;
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
  if (clean && !found.cues.question && !found.cues.negated && !found.cues.modular) {
    context().Add(std::move(equation));
  }
}

// Whether the step says that an earlier one was wrong: what it corrects is not known.
bool StepChecker::State::Retracts() const {
  return std::any_of(tokens.begin(), tokens.end(), [&](const MathToken& token) {
    if ((token.word.classes & kWordNegation) == 0) return false;
    const std::string_view word = text.substr(token.begin, token.end - token.begin);
    return word == "mistake" || word == "wrong" || word == "incorrect" || word == "error";
  });
}

// Whether an equation against the context has another explanation than a slip: a letter that names
// one value after another (cases, values tried, a new meaning), the rounding of decimals, or an
// earlier equation against the context that it follows from, which was reported itself.
bool StepChecker::State::IsExcused(const FoundRelation& found, const Equation& equation) {
  const int named = NamedSymbol(equation.left, equation.right);
  const bool again = named >= 0 && (context().IsNamed(named) || disputed.IsNamed(named));
  if (again) renamed.push_back(named);
  const auto is_renamed = [&](const RationalFunction& side) {
    return std::any_of(renamed.begin(), renamed.end(), [&](int symbol) {
      return side.num.Contains(symbol) || side.den.Contains(symbol);
    });
  };
  if (is_renamed(equation.left) || is_renamed(equation.right)) return true;
  const std::string_view written =
      text.substr(tokens[found.left.first].begin,
                  tokens[found.right.last - 1].end - tokens[found.left.first].begin);
  for (size_t at = written.find('.'); at != written.npos; at = written.find('.', at + 1)) {
    if (at + 1 < written.size() && IsDigit(written[at + 1])) return true;
  }
  return disputed.Ask(equation).answer == ContextAnswer::kFollows;
}

bool StepChecker::State::HoldsInOtherReading() {
  // 5 (x - 1) = 5 is an equation.
  const uint8_t open = (left.parsed.traits.ambiguities | right.parsed.traits.ambiguities) &
                       uint8_t(~kReadBracketAsRemark);
  for (int reading = 1; open != 0 && reading < kNumReadings; ++reading) {
    if ((reading & ~open) != 0) continue;
    const ParsedExpression a = ParseMath(text, left.tokens, uint8_t(reading), &symbols, &arena);
    const ParsedExpression b = ParseMath(text, right.tokens, uint8_t(reading), &symbols, &arena);
    if (a.root < 0 || b.root < 0) continue;
    for (const bool only_left : {false, true}) {
      RationalFunction x;
      RationalFunction y;
      Polynomial p;
      Polynomial q;
      if (EvaluateSymbolic(arena, a.root, &symbols, &x) == EvalStatus::kOk &&
          EvaluateSymbolic(arena, only_left ? right.parsed.root : b.root, &symbols, &y) ==
              EvalStatus::kOk &&
          Polynomial::Multiply(x.num, y.den, &p) && Polynomial::Multiply(y.num, x.den, &q) &&
          (p - q).IsZero()) {
        return true;
      }
    }
  }
  return false;
}

// Whether the step claims that both sides are one function: it says that it rewrites, both sides
// have the same variables, none of which an equation binds, and the left side has something to
// rewrite.
bool StepChecker::State::IsIdentityClaim(const FoundRelation& found,
                                         const Polynomial& difference) const {
  if (!found.cues.rewrite || found.cues.equation || found.op != '=') return false;
  if (left.parsed.traits.operations < 2) return false;
  // "simplify 2(x + 3) = 8x + 24": the equation is what is rewritten.
  const uint32_t first = found.left.first;
  for (uint32_t i = first; i > found.sentence.first && first - i < 3; --i) {
    const MathToken& token = tokens[i - 1];
    if (token.kind == TokenKind::kComma || token.kind == TokenKind::kColon) break;
    if (token.word.classes & kWordRewrite) return false;
  }
  const bool has_bracket =
      std::any_of(left.tokens.begin(), left.tokens.end(),
                  [](const MathToken& t) { return t.kind == TokenKind::kOpen; });
  if (!has_bracket) return false;
  const auto symbols_of = [&](const Side& side) {
    std::vector<std::string_view> names;
    for (const MathToken& token : side.tokens) {
      if (token.kind == TokenKind::kSymbol) {
        names.push_back(text.substr(token.begin, token.end - token.begin));
      }
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  };
  const auto names = symbols_of(left);
  if (names.empty() || names != symbols_of(right)) return false;
  const EquationContext& now = in_frame ? frame : base;
  for (const PolynomialTerm& term : difference.terms()) {
    for (const Monomial::Factor& factor : term.monomial.factors) {
      if (factor.symbol == 0) break;
      const int symbol = factor.symbol - 1;
      if (now.Mentions(symbol) || symbols.NameOf(symbol) == "i") return false;
    }
  }
  return true;
}

void StepChecker::State::NoteCandidate(const Equation& equation) {
  const RationalFunction& left_value = equation.left;
  const RationalFunction& right_value = equation.right;
  const int symbol = left_value.num.OnlySymbol();
  if (symbol < 0 || left_value.num.terms().size() != 1 || left_value.num.Degree() != 1) return;
  if (!left_value.den.IsConstant() || !right_value.num.IsConstant()) return;
  if (!right_value.den.IsConstant()) return;
  const Fraction scale = left_value.num.terms()[0].coefficient / left_value.den.ConstantTerm();
  candidates.push_back(
      {symbol, right_value.num.ConstantTerm() / right_value.den.ConstantTerm() / scale});
}

// "120 m + 350 m = 480 m", "3/4 S + S = 2 S": a calculation with multiples of one term whose
// result is another multiple, further off than rounding. As an equation it would hold for zero
// alone.
bool StepChecker::State::AreUnequalTerms(const FoundRelation& found,
                                         const Equation& equation) const {
  if (found.op != '=' || found.cues.equation || left.parsed.traits.operations < 2 ||
      right.parsed.traits.operations > 1) {
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
  const Fraction from = a.coefficient / equation.left.den.ConstantTerm();
  const Fraction to = b.coefficient / equation.right.den.ConstantTerm();
  const Fraction apart = (from - to).Abs();
  return from.IsInteger() && to.IsInteger() ? !apart.IsZero() : from.Abs() < apart * Fraction(20);
}

bool StepChecker::State::VerifiesCandidate() {
  if (candidates.empty()) return false;
  if (!left.parsed.traits.has_operator && !right.parsed.traits.has_operator) return false;
  Fraction left_value;
  Fraction right_value;
  if (EvaluateExact(arena, left.parsed.root, &left_value) != EvalStatus::kOk ||
      EvaluateExact(arena, right.parsed.root, &right_value) != EvalStatus::kOk) {
    return false;
  }
  return std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
    return base.IsSubstituted(candidate.symbol, candidate.value, left_value, right_value);
  });
}

void StepChecker::State::Finish(StepCheck* check) const {
  // Calculator marks are read last; the order is that of the text.
  std::stable_sort(
      check->relations.begin(), check->relations.end(),
      [](const RelationCheck& a, const RelationCheck& b) { return a.begin < b.begin; });
  for (const RelationCheck& relation : check->relations) {
    check->severity = std::max(check->severity, relation.severity);
    const bool better =
        relation.verdict > check->verdict || check->reason == Reason::kNoRelation ||
        (relation.verdict == check->verdict && relation.reason == Reason::kCandidateVerified);
    if (better) {
      check->verdict = relation.verdict;
      check->reason = relation.reason;
    }
  }
}

StepChecker::StepChecker(std::string_view problem, const StepCheckOptions& options)
    : state_(std::make_unique<State>(options)) {
  state_->ReadProblem(problem);
}
StepChecker::~StepChecker() = default;
StepChecker::StepChecker(StepChecker&&) noexcept = default;
StepChecker& StepChecker::operator=(StepChecker&&) noexcept = default;

StepCheck StepChecker::Check(std::string_view step) { return state_->Check(step); }

void StepChecker::Reset(std::string_view problem) { state_->ReadProblem(problem); }

}  // namespace prm
