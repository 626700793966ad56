#include "data/symbolic/closed_check.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

#include "data/algebra/evaluate.h"
#include "data/math_text/verdict.h"
#include "data/symbolic/ball_check.h"

namespace prm {
namespace {

Reason ReasonOf(EvalStatus status) {
  return status == EvalStatus::kTooBig ? Reason::kTooBig : Reason::kUndefined;
}

class ClosedChecker {
 public:
  ClosedChecker(const RelationSides& sides, bool describe, Workspace* workspace)
      : sides_(sides), describe_(describe), workspace_(*workspace), work_(&workspace->work) {}

  ClosedResult Run() {
    const EvalStatus left = Evaluate(sides_.left.parsed.root, &left_);
    const EvalStatus right = Evaluate(sides_.right.parsed.root, &right_);
    for (const EvalStatus status : {left, right}) {
      if (status == EvalStatus::kTooBig || status == EvalStatus::kUndefined) {
        return Result(Verdict::kNotChecked, ReasonOf(status));
      }
    }
    if (left == EvalStatus::kIrrational || right == EvalStatus::kIrrational)
      return CheckBalls(sides_, describe_, &workspace_);
    // The text is charged even if not requested: a verdict must not depend on it.
    work_->SpendOn(left_, right_, kOperationsOfAll);
    if (describe_) {
      result_.left_value = left_.ToText();
      result_.right_value = right_.ToText();
    }
    result_.may_be_shares = IsShare(left_) && IsShare(right_) && IsComputed();
    const Relation relation = sides_.found.relation;
    return StatesEquality(relation) ? CheckEqual() : CheckOrder(relation);
  }

 private:
  ClosedResult Result(Verdict verdict, Reason reason) {
    result_.verdict = verdict;
    result_.reason = reason;
    return std::move(result_);
  }
  // Number of sums, products and comparisons of both values outside loops.
  static constexpr int64_t kOperationsOfAll = 8;

  EvalStatus Evaluate(int root, Fraction* value) const {
    return EvaluateExact(sides_.arena, root, value, work_);
  }
  const ExpressionTraits& Left() const { return sides_.left.parsed.traits; }
  const ExpressionTraits& Right() const { return sides_.right.parsed.traits; }
  uint64_t Units() const { return Left().units | Right().units; }

  static bool IsShare(const Fraction& value) { return value.Sign() > 0 && value < Fraction(1); }
  bool IsComputed() const {
    return std::any_of(
        sides_.left.tokens.begin(), sides_.left.tokens.end(), [](const MathToken& t) {
          return t.kind == TokenKind::kOperator && (t.op == '+' || t.op == '-' || t.op == '*');
        });
  }

  // --- equalities ----------------------------------------------------------------------------

  ClosedResult CheckEqual() {
    const bool percent = Left().has_percent || Right().has_percent;
    if (left_ == right_) {
      // 5 boxes = 5 boxes has no content; 3 hours = 3 minutes is checked with the unit table.
      if (IsLabelled() && Left().units != Right().units) return CheckUnits();
      return Result(Verdict::kArithOk, percent ? Reason::kPercent : Reason::kArithmetic);
    }
    if (IsRounded(left_, right_)) return Result(Verdict::kArithOk, Reason::kRounded);
    if (const std::optional<ClosedResult> found = CheckRemainder()) return *found;
    if (HoldsInOtherReading()) {
      return Result(Verdict::kArithOk, percent ? Reason::kPercent : Reason::kArithmetic);
    }
    if (IsLabelled()) return CheckUnits();
    // 0.68 = 68 if a percent sign is nearby.
    if (sides_.found.cues.percent &&
        (HoldsScaled(Fraction(100)) || HoldsScaled(Fraction(1, 100)))) {
      return Result(Verdict::kNotChecked, Reason::kPercent);
    }
    if (const std::optional<ClosedResult> found = CheckConversions()) return *found;
    if (IsTruncated()) return Result(Verdict::kNotChecked, Reason::kTruncated);
    if (WithinOperandRounding()) return Result(Verdict::kNotChecked, Reason::kRoundedOperand);
    if (IsRunOn()) return Result(Verdict::kNotChecked, Reason::kUncleanBorder);
    if (sides_.found.relation == Relation::kAbout && !FarApart()) {
      return Result(Verdict::kNotChecked, Reason::kRoundedOperand);
    }
    return Result(Verdict::kRefuted, percent ? Reason::kPercent : Reason::kArithmetic);
  }

  // 5*3 = 15 + 2, 8*45 = 360 divided by 5: the sign ends one calculation, and a new one starts with
  // its result.
  bool IsRunOn() const {
    if (!Right().has_operator || sides_.right.tokens.empty()) return false;
    const MathToken* first = &sides_.right.tokens[0];
    if (first->kind == TokenKind::kCurrency && sides_.right.tokens.size() > 1) ++first;
    return IsValueOf(*first, left_);
  }

  // A number with a thing names it if the other side has none: 1 bedroom = 11*11. On the right, a
  // thing next to a calculation is its unit: 13 + 4 = 17 marbles.
  bool IsLabelled() const {
    const bool left = !Left().has_operator && Left().has_unit_word;
    const bool right = !Right().has_operator && Right().has_unit_word && !Left().has_operator;
    const bool share = !Left().has_operator && Left().has_percent;
    return left || right || share;
  }

  static constexpr int kFloatDecimals = 12;

  // Whether one side equals the other rounded to its shown decimals.
  bool IsRounded(const Fraction& left, const Fraction& right, int left_reading = 0,
                 int right_reading = 0) const {
    const bool about = sides_.SaysAbout();
    work_->SpendOn(left, right);
    const Fraction difference = (left - right).Abs();
    for (const ExpressionTraits* side : {&Right(), &Left()}) {
      const int decimals = ShownDecimals(*side, side == &Right() ? right_reading : left_reading);
      if (decimals < 0 || (decimals == 0 && !about)) continue;
      work_->SpendOn(difference, left, 3);
      // Rounding errors of binary floating point.
      if (decimals >= kFloatDecimals && difference <= left.Abs() * PowerOfTen(-kFloatDecimals)) {
        return true;
      }
      const Fraction half = Fraction(1, 2) * PowerOfTen(-decimals);
      if (difference <= half) return true;
      // "rounded up", "rounded down".
      if (about && difference < half + half) return true;
    }
    return false;
  }

  // Whether digits after the shown decimals were cut off.
  bool IsTruncated() const {
    const int decimals = ShownDecimals(Right());
    if (decimals < 1 || left_.Sign() != right_.Sign()) return false;
    const Fraction rest = left_.Abs() - right_.Abs();
    return rest.Sign() > 0 && rest < PowerOfTen(-decimals);
  }

  bool FarApart() const {
    const Fraction scale = std::max(left_.Abs(), right_.Abs());
    return scale * Fraction(1, 5) < (left_ - right_).Abs();
  }

  // 10/3 = 3 each, 1 left.
  std::optional<ClosedResult> CheckRemainder() {
    if (Right().has_operator || !right_.IsInteger() || !(left_.Floor() == right_)) return {};
    const ExpressionNode& node = sides_.arena.nodes[size_t(sides_.left.parsed.root)];
    if (node.kind != NodeKind::kDivide) return {};
    Fraction above;
    Fraction below;
    if (Evaluate(node.a, &above) != EvalStatus::kOk ||
        Evaluate(node.b, &below) != EvalStatus::kOk || !above.IsInteger() || !below.IsInteger()) {
      return {};
    }
    work_->SpendOn(above, below, 2);
    const Fraction remainder = above - below * right_;
    const auto rest = sides_.step.tokens.subspan(sides_.found.right.last);
    bool stated = false;
    bool equal = false;
    for (const MathToken& token : rest.first(std::min<size_t>(rest.size(), 10))) {
      stated |= token.kind == TokenKind::kWord && (token.word.classes & kWordRemainder);
      equal |= IsValueOf(token, remainder);
    }
    if (!stated) return {};
    if (equal) return Result(Verdict::kArithOk, Reason::kQuotientRemainder);
    return Result(Verdict::kNotChecked, Reason::kRemainder);
  }

  // Tries every set of readings that changes a side.
  bool HoldsInOtherReading() {
    const uint8_t left_open = Left().ambiguities;
    const uint8_t right_open = Right().ambiguities;
    if ((left_open | right_open) == 0) return false;
    for (int left = 0; left < kNumReadings; ++left) {
      Fraction left_value;
      if ((left & ~left_open) != 0 || !Reread(sides_.left.tokens, left, &left_value)) continue;
      for (int right = 0; right < kNumReadings; ++right) {
        Fraction right_value;
        if ((right & ~right_open) != 0 || left + right == 0) continue;
        if (!Reread(sides_.right.tokens, right, &right_value)) continue;
        if (left_value == right_value || IsRounded(left_value, right_value, left, right))
          return true;
      }
    }
    return false;
  }

  bool Reread(std::span<const MathToken> tokens, int reading, Fraction* value) {
    workspace_.scratch.Clear();
    const int root = ReadAgain(sides_.step, tokens, uint8_t(reading), &workspace_).root;
    return root >= 0 && EvaluateExact(workspace_.scratch, root, value, work_) == EvalStatus::kOk;
  }

  // --- units ---------------------------------------------------------------------------------

  static Fraction ScaleOf(UnitId unit) {
    return Fraction(int64_t(UnitOf(unit).scale_num), UnitOf(unit).scale_den);
  }

  // Whether left * a/b equals right for units a, b of one dimension, a being written on the left.
  bool HoldsWithUnits(uint64_t from, uint64_t to) const {
    for (UnitId a = 1; a < kNumUnits; ++a) {
      if ((from >> a & 1) == 0) continue;
      for (UnitId b = 1; b < kNumUnits; ++b) {
        if (a == b || (to >> b & 1) == 0 || UnitOf(a).dimension != UnitOf(b).dimension) continue;
        const Fraction factor = ScaleOf(a) / ScaleOf(b);
        if (HoldsScaled(factor) || HoldsScaled(Fraction(1) / factor)) return true;
        // Areas and volumes.
        if (UnitOf(a).dimension == Dimension::kLength &&
            (HoldsScaled(factor * factor) || HoldsScaled(Fraction(1) / (factor * factor)))) {
          return true;
        }
      }
    }
    return false;
  }
  bool HoldsScaled(const Fraction& factor) const {
    work_->SpendOn(left_, factor);
    const Fraction scaled = left_ * factor;
    return scaled == right_ || IsRounded(scaled, right_);
  }

  // Checks two single numbers with things.
  ClosedResult CheckUnits() {
    constexpr uint64_t kAll = ~uint64_t{0};
    if (HoldsWithUnits(Left().units, Right().units)) {
      return Result(Verdict::kArithOk, Reason::kUnit);
    }
    const bool one_each = std::has_single_bit(Left().units) && std::has_single_bit(Right().units);
    if (!one_each || Left().has_operator || Right().has_operator || IsScale() || HoldsCalendar() ||
        HoldsWithUnits(kAll, kAll)) {
      return Result(Verdict::kNotChecked, Reason::kUnknownUnit);
    }
    const auto a = UnitId(std::countr_zero(Left().units));
    const auto b = UnitId(std::countr_zero(Right().units));
    const Dimension dimension = UnitOf(a).dimension;
    if (dimension != UnitOf(b).dimension || dimension == Dimension::kCount) {
      return Result(Verdict::kNotChecked, Reason::kUnknownUnit);
    }
    const Fraction ratio = left_ * ScaleOf(a) / ScaleOf(b) / right_;
    const bool decimal = Left().has_decimal || Right().has_decimal;
    const bool near = decimal ? Fraction(9, 10) < ratio && ratio < Fraction(11, 10) : false;
    if (near) return Result(Verdict::kNotChecked, Reason::kRoundedOperand);
    return Fraction(1, 3) < ratio && ratio < Fraction(3)
               ? Result(Verdict::kRefuted, Reason::kUnit)
               : Result(Verdict::kNotChecked, Reason::kUnknownUnit);
  }
  // A side is zero, or the units are equal: a map scale or a rate.
  bool IsScale() const {
    return left_.IsZero() || right_.IsZero() || Left().units == Right().units;
  }
  // Months and years have no fixed length.
  bool HoldsCalendar() const {
    return std::any_of(kCalendar.begin(), kCalendar.end(), [&](int64_t n) {
      return HoldsScaled(Fraction(n)) || HoldsScaled(Fraction(1, uint64_t(n)));
    });
  }
  static constexpr std::array<int64_t, 9> kCalendar = {4, 5, 12, 28, 30, 31, 52, 360, 365};

  // An expression whose two sides name units: 30 minutes * 4 = 2 hours, 4 * 25 cents = $1.
  std::optional<ClosedResult> CheckConversions() {
    constexpr uint64_t kAll = ~uint64_t{0};
    if (Units() == 0) return {};
    if (HoldsWithUnits(Left().units, Right().units)) {
      return Result(Verdict::kArithOk, Reason::kUnit);
    }
    if (HoldsWithUnits(Units(), kAll) || HoldsWithUnits(kAll, Units())) {
      return Result(Verdict::kNotChecked, Reason::kUnknownUnit);
    }
    const bool time = HasDimension(Dimension::kTime);
    if (time && HoldsCalendar()) return Result(Verdict::kNotChecked, Reason::kUnknownUnit);
    return {};
  }
  bool HasDimension(Dimension dimension) const {
    for (UnitId a = 1; a < kNumUnits; ++a) {
      if ((Units() >> a & 1) != 0 && UnitOf(a).dimension == dimension) return true;
    }
    return false;
  }

  // --- rounding of what went in --------------------------------------------------------------

  // Whether rounding of the operands with two or more decimals explains the difference.
  bool WithinOperandRounding() {
    Fraction slack;
    bool rounded = false;
    // IsRounded covers the rounding of a single number.
    if (Left().shown_decimals < 0 && !AddSlack(sides_.left.tokens, &slack, &rounded)) return false;
    if (Right().shown_decimals < 0 && !AddSlack(sides_.right.tokens, &slack, &rounded))
      return false;
    return rounded && (left_ - right_).Abs() <= slack;
  }

  // Adds to *slack how far half a unit of each number's last decimal moves the value.
  bool AddSlack(std::span<const MathToken> tokens, Fraction* slack, bool* rounded) {
    ExpressionArena& arena = workspace_.scratch;
    arena.Clear();
    const int base = ReadAgain(sides_.step, tokens, 0, &workspace_).root;
    if (base < 0) return true;
    Fraction value;
    if (EvaluateExact(arena, base, &value, work_) != EvalStatus::kOk) return false;
    size_t number = 0;
    for (const MathToken& token : tokens) {
      if (token.kind != TokenKind::kNumber) continue;
      while (number < arena.numbers.size() && !IsValueOf(token, arena.numbers[number])) ++number;
      if (number == arena.numbers.size()) break;
      const size_t at = number++;
      if (!LooksRounded(token)) continue;
      // A whole unit of the last decimal, for truncated digits.
      const Fraction step = PowerOfTen(-int64_t(token.decimals));
      const Fraction before = arena.numbers[at];
      work_->SpendOn(before, step);
      arena.numbers[at] = before + step;
      Fraction moved;
      const EvalStatus status = EvaluateExact(arena, base, &moved, work_);
      arena.numbers[at] = before;
      if (status != EvalStatus::kOk) return false;
      work_->SpendOn(moved, value);
      const Fraction by = (moved - value).Abs();
      work_->SpendOn(*slack, by);
      *slack = *slack + by;
      *rounded = true;
    }
    return true;
  }
  bool IsValueOf(const MathToken& token, const Fraction& number) const {
    if (token.kind != TokenKind::kNumber || token.den != 0) return false;
    const int64_t bytes = token.end - token.begin;
    work_->Spend(kCostOfNumber + bytes * bytes / 64);
    Fraction value;
    return value.SetDecimal(sides_.step.text.substr(token.begin, token.end - token.begin)) &&
           value == number;
  }
  // At least two decimals that are not typical of coins or quarters.
  bool LooksRounded(const MathToken& token) const {
    if (token.decimals < 2) return false;
    const char last = sides_.step.text[token.end - 1];
    return token.decimals > 2 || (last != '0' && last != '5');
  }

  // --- order ---------------------------------------------------------------------------------

  ClosedResult CheckOrder(Relation relation) {
    const bool less = left_ < right_;
    const bool equal = left_ == right_;
    if (Holds(relation, less, equal)) return Result(Verdict::kArithOk, Reason::kArithmetic);
    const bool plain = Units() == 0 && !Left().has_percent && !Right().has_percent &&
                       (Left().ambiguities | Right().ambiguities) == 0;
    return plain ? Result(Verdict::kRefuted, Reason::kArithmetic)
                 : Result(Verdict::kNotChecked, Reason::kInequality);
  }

  static constexpr int64_t kCostOfNumber = 80;

  const RelationSides& sides_;
  const bool describe_;
  Workspace& workspace_;
  WorkBudget* work_;
  Fraction left_;
  Fraction right_;
  ClosedResult result_;
};

}  // namespace

ClosedResult CheckClosed(const RelationSides& sides, bool describe, Workspace* workspace) {
  return ClosedChecker(sides, describe, workspace).Run();
}

}  // namespace prm
