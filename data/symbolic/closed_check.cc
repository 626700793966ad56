#include "data/symbolic/closed_check.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>

#include "data/algebra/evaluate.h"
#include "data/math_text/verdict.h"

namespace prm {
namespace {

Reason ReasonOf(EvalStatus status) {
  return status == EvalStatus::kTooBig ? Reason::kTooBig : Reason::kUndefined;
}

class ClosedChecker {
 public:
  ClosedChecker(const ClosedPair& pair, bool describe, SymbolTable* symbols, ExpressionArena* arena)
      : pair_(pair), describe_(describe), symbols_(*symbols), arena_(*arena) {}

  ClosedResult Run() {
    const EvalStatus left = EvaluateExact(arena_, pair_.left.root, &left_);
    const EvalStatus right = EvaluateExact(arena_, pair_.right.root, &right_);
    for (const EvalStatus status : {left, right}) {
      if (status == EvalStatus::kTooBig || status == EvalStatus::kUndefined) {
        return Result(Verdict::kNotChecked, ReasonOf(status));
      }
    }
    if (left == EvalStatus::kIrrational || right == EvalStatus::kIrrational) return CheckBalls();
    if (describe_) {
      result_.left_value = left_.ToText();
      result_.right_value = right_.ToText();
    }
    result_.may_be_shares = IsShare(left_) && IsShare(right_) && IsComputed();
    const char op = pair_.relation->op;
    return op == '=' || op == '~' ? CheckEqual() : CheckOrder(op);
  }

 private:
  ClosedResult Result(Verdict verdict, Reason reason) {
    result_.verdict = verdict;
    result_.reason = reason;
    return std::move(result_);
  }
  const ExpressionTraits& Left() const { return pair_.left.traits; }
  const ExpressionTraits& Right() const { return pair_.right.traits; }
  uint64_t Units() const { return Left().units | Right().units; }

  static bool IsShare(const Fraction& value) { return value.Sign() > 0 && value < Fraction(1); }
  bool IsComputed() const {
    return std::any_of(pair_.left_tokens.begin(), pair_.left_tokens.end(), [](const MathToken& t) {
      return t.kind == TokenKind::kOperator && (t.op == '+' || t.op == '-' || t.op == '*');
    });
  }

  // --- equalities ----------------------------------------------------------------------------

  ClosedResult CheckEqual() {
    const bool percent = Left().has_percent || Right().has_percent;
    if (left_ == right_) {
      // 5 boxes = 5 boxes says nothing; 3 hours = 3 minutes is for the unit table.
      if (IsLabelled() && Left().units != Right().units) return CheckUnits();
      return Result(Verdict::kArithOk, percent ? Reason::kPercent : Reason::kArithmetic);
    }
    if (IsRounded(left_, right_)) return Result(Verdict::kArithOk, Reason::kRounded);
    if (const std::optional<ClosedResult> found = CheckRemainder()) return *found;
    if (HoldsInOtherReading()) {
      return Result(Verdict::kArithOk, percent ? Reason::kPercent : Reason::kArithmetic);
    }
    if (IsLabelled()) return CheckUnits();
    // 0.68 = 68 where a percent sign stands nearby.
    if (pair_.relation->cues.percent &&
        (HoldsScaled(Fraction(100)) || HoldsScaled(Fraction(1, 100)))) {
      return Result(Verdict::kNotChecked, Reason::kPercent);
    }
    if (const std::optional<ClosedResult> found = CheckConversions()) return *found;
    if (IsTruncated()) return Result(Verdict::kNotChecked, Reason::kTruncated);
    if (WithinOperandRounding()) return Result(Verdict::kNotChecked, Reason::kRoundedOperand);
    if (IsRunOn()) return Result(Verdict::kNotChecked, Reason::kUncleanBorder);
    if (pair_.relation->op == '~' && !FarApart()) {
      return Result(Verdict::kNotChecked, Reason::kRoundedOperand);
    }
    return Result(Verdict::kRefuted, percent ? Reason::kPercent : Reason::kArithmetic);
  }

  // 5*3 = 15 + 2, 8*45 = 360 divided by 5: the sign ends one calculation and a new one starts with
  // its result.
  bool IsRunOn() const {
    if (!Right().has_operator || pair_.right_tokens.empty()) return false;
    const MathToken* first = &pair_.right_tokens[0];
    if (first->kind == TokenKind::kCurrency && pair_.right_tokens.size() > 1) ++first;
    return IsValueOf(*first, left_);
  }

  // A number with a thing names something where the other side is none: 1 bedroom = 11*11. On the
  // right a thing beside a calculation is its unit: 13 + 4 = 17 marbles.
  bool IsLabelled() const {
    const bool left = !Left().has_operator && Left().has_unit_word;
    const bool right = !Right().has_operator && Right().has_unit_word && !Left().has_operator;
    const bool share = !Left().has_operator && Left().has_percent;
    return left || right || share;
  }

  static constexpr int kFloatDecimals = 12;

  // Decimals that the side shows; a lone whole percentage shows two.
  static int ShownDecimals(const ExpressionTraits& side, int reading = 0) {
    if (side.shown_decimals < 0) return -1;
    const bool hundredths = side.has_percent && (reading & kReadPercentAsNumber) == 0;
    return side.shown_decimals + (hundredths ? 2 : 0);
  }

  // Whether one side is the other, rounded to the decimals it shows.
  bool IsRounded(const Fraction& left, const Fraction& right, int left_reading = 0,
                 int right_reading = 0) const {
    const bool about = pair_.relation->cues.about || pair_.relation->op == '~';
    const Fraction difference = (left - right).Abs();
    for (const ExpressionTraits* side : {&Right(), &Left()}) {
      const int decimals = ShownDecimals(*side, side == &Right() ? right_reading : left_reading);
      if (decimals < 0 || (decimals == 0 && !about)) continue;
      // The decimals of binary floating point.
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

  // The digits behind the shown decimals are cut off.
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
    const ExpressionNode& node = arena_.nodes[size_t(pair_.left.root)];
    if (node.kind != NodeKind::kDivide) return {};
    Fraction above;
    Fraction below;
    if (EvaluateExact(arena_, node.a, &above) != EvalStatus::kOk ||
        EvaluateExact(arena_, node.b, &below) != EvalStatus::kOk || !above.IsInteger() ||
        !below.IsInteger()) {
      return {};
    }
    const Fraction remainder = above - below * right_;
    bool stated = false;
    bool equal = false;
    for (const MathToken& token : pair_.rest.first(std::min<size_t>(pair_.rest.size(), 10))) {
      stated |= token.kind == TokenKind::kWord && (token.word.classes & kWordRemainder);
      Fraction value;
      equal |= token.kind == TokenKind::kNumber && token.den == 0 &&
               value.SetDecimal(pair_.text.substr(token.begin, token.end - token.begin)) &&
               value == remainder;
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
      if ((left & ~left_open) != 0 || !Reread(pair_.left_tokens, left, &left_value)) continue;
      for (int right = 0; right < kNumReadings; ++right) {
        Fraction right_value;
        if ((right & ~right_open) != 0 || left + right == 0) continue;
        if (!Reread(pair_.right_tokens, right, &right_value)) continue;
        if (left_value == right_value || IsRounded(left_value, right_value, left, right))
          return true;
      }
    }
    return false;
  }

  bool Reread(std::span<const MathToken> tokens, int reading, Fraction* value) {
    const ParsedExpression parsed =
        ParseMath(pair_.text, tokens, uint8_t(reading), &symbols_, &arena_);
    return parsed.root >= 0 && EvaluateExact(arena_, parsed.root, value) == EvalStatus::kOk;
  }

  // --- units ---------------------------------------------------------------------------------

  static Fraction ScaleOf(UnitId unit) {
    return Fraction(int64_t(UnitOf(unit).scale_num), UnitOf(unit).scale_den);
  }

  // Whether left * a/b equals right for units a, b of one dimension, a written on the left.
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
    const Fraction scaled = left_ * factor;
    return scaled == right_ || IsRounded(scaled, right_);
  }

  // Two lone numbers with things.
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
  // A side is zero, or the units are equal: a scale of a map or a rate.
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

  // Whether the decimals of two or more digits, taken as rounded, explain the difference.
  bool WithinOperandRounding() {
    Fraction slack;
    bool rounded = false;
    // Of a lone number the rounding is known: IsRounded.
    if (Left().shown_decimals < 0 && !AddSlack(pair_.left_tokens, &slack, &rounded)) return false;
    if (Right().shown_decimals < 0 && !AddSlack(pair_.right_tokens, &slack, &rounded)) return false;
    return rounded && (left_ - right_).Abs() <= slack;
  }

  // Adds to *slack by how much half a unit of each number's last decimal moves the value.
  bool AddSlack(std::span<const MathToken> tokens, Fraction* slack, bool* rounded) {
    const int base = FirstNode(tokens);
    if (base < 0) return true;
    Fraction value;
    if (EvaluateExact(arena_, base, &value) != EvalStatus::kOk) return false;
    size_t number = first_number_;
    const size_t numbers_end = arena_.numbers.size();
    for (const MathToken& token : tokens) {
      if (token.kind != TokenKind::kNumber) continue;
      while (number < numbers_end && !IsValueOf(token, arena_.numbers[number])) ++number;
      if (number == numbers_end) break;
      const size_t at = number++;
      if (!LooksRounded(token)) continue;
      // A whole unit of the last decimal, for digits that are cut off.
      const Fraction step = PowerOfTen(-int64_t(token.decimals));
      const Fraction before = arena_.numbers[at];
      arena_.numbers[at] = before + step;
      Fraction moved;
      const EvalStatus status = EvaluateExact(arena_, base, &moved);
      arena_.numbers[at] = before;
      if (status != EvalStatus::kOk) return false;
      *slack = *slack + (moved - value).Abs();
      *rounded = true;
    }
    return true;
  }
  int FirstNode(std::span<const MathToken> tokens) {
    first_number_ = arena_.numbers.size();
    return ParseMath(pair_.text, tokens, 0, &symbols_, &arena_).root;
  }
  bool IsValueOf(const MathToken& token, const Fraction& number) const {
    Fraction value;
    return token.kind == TokenKind::kNumber && token.den == 0 &&
           value.SetDecimal(pair_.text.substr(token.begin, token.end - token.begin)) &&
           value == number;
  }
  // Two or more decimals that no coin or quarter has.
  bool LooksRounded(const MathToken& token) const {
    if (token.decimals < 2) return false;
    const char last = pair_.text[token.end - 1];
    return token.decimals > 2 || (last != '0' && last != '5');
  }

  // --- order and balls -----------------------------------------------------------------------

  ClosedResult CheckOrder(char op) {
    const bool less = left_ < right_;
    const bool equal = left_ == right_;
    if (Holds(op, less, equal)) return Result(Verdict::kArithOk, Reason::kArithmetic);
    const bool plain = Units() == 0 && !Left().has_percent && !Right().has_percent &&
                       (Left().ambiguities | Right().ambiguities) == 0;
    return plain ? Result(Verdict::kRefuted, Reason::kArithmetic)
                 : Result(Verdict::kNotChecked, Reason::kInequality);
  }
  static bool Holds(char op, bool less, bool equal) {
    switch (op) {
      case '<':
        return less;
      case '>':
        return !less && !equal;
      case 'l':
        return less || equal;
      case 'g':
        return !less;
      default:
        return !equal;
    }
  }

  ClosedResult CheckBalls() {
    const char op = pair_.relation->op;
    const BallComparison balls = CompareByBalls(arena_, pair_.left.root, pair_.right.root);
    if (balls.order == BallOrder::kTooBig || balls.order == BallOrder::kUndefined) {
      return Result(Verdict::kNotChecked,
                    balls.order == BallOrder::kTooBig ? Reason::kTooBig : Reason::kUndefined);
    }
    if (describe_) {
      result_.left_value = balls.left_text;
      result_.right_value = balls.right_text;
    }
    if (balls.order == BallOrder::kUnknown) return CheckSurds();
    if (op != '=' && op != '~') {
      const bool holds = Holds(op, balls.order == BallOrder::kLess, false);
      return Result(holds ? Verdict::kArithOk : Verdict::kRefuted, Reason::kArithmetic);
    }
    if (IsRoundedBall(balls)) return Result(Verdict::kArithOk, Reason::kRounded);
    const double scale = std::max(std::abs(balls.left), std::abs(balls.right));
    const double apart = std::abs(balls.left - balls.right) / scale;
    if ((op == '~' && apart <= 0.2) || (pair_.relation->cues.about && apart <= 0.05) ||
        ((Left().has_decimal || Right().has_decimal) && apart <= 0.01 && !LoneDecimal())) {
      return Result(Verdict::kNotChecked, Reason::kRoundedOperand);
    }
    if (Left().ambiguities | Right().ambiguities) {
      return Result(Verdict::kNotChecked, Reason::kUnread);
    }
    return Result(Verdict::kRefuted, Reason::kArithmetic);
  }

  // One side is a number alone, the other has no decimals.
  bool LoneDecimal() const {
    return (ShownDecimals(Left()) >= 0 && !Right().has_decimal) ||
           (ShownDecimals(Right()) >= 0 && !Left().has_decimal);
  }

  // Decimals of an irrational number are rounded or cut off; two or more digits are needed.
  bool IsRoundedBall(const BallComparison& balls) const {
    const bool about = pair_.relation->cues.about || pair_.relation->op == '~';
    for (const ExpressionTraits* side : {&Right(), &Left()}) {
      const int decimals = ShownDecimals(*side);
      if (decimals < 0 || (decimals == 0 && !about)) continue;
      if (std::abs(balls.left - balls.right) <= 0.5 * std::pow(10.0, -decimals)) return true;
    }
    return false;
  }

  // Balls that overlap: equal if the polynomials in square roots are.
  ClosedResult CheckSurds() {
    RationalFunction left;
    RationalFunction right;
    Polynomial a;
    Polynomial b;
    const char op = pair_.relation->op;
    const bool equal =
        EvaluateSymbolic(arena_, pair_.left.root, &symbols_, &left) == EvalStatus::kOk &&
        EvaluateSymbolic(arena_, pair_.right.root, &symbols_, &right) == EvalStatus::kOk &&
        left.den.IsConstant() && right.den.IsConstant() &&
        Polynomial::Multiply(left.num, right.den, &a) &&
        Polynomial::Multiply(right.num, left.den, &b) && (a - b).IsZero();
    if (equal && op != '<' && op != '>' && op != 'n') {
      return Result(Verdict::kArithOk, Reason::kIdentity);
    }
    return Result(Verdict::kNotChecked, Reason::kConsistent);
  }

  const ClosedPair& pair_;
  const bool describe_;
  SymbolTable& symbols_;
  ExpressionArena& arena_;
  Fraction left_;
  Fraction right_;
  size_t first_number_ = 0;
  ClosedResult result_;
};

}  // namespace

ClosedResult CheckClosed(const ClosedPair& pair, bool describe, SymbolTable* symbols,
                         ExpressionArena* arena) {
  return ClosedChecker(pair, describe, symbols, arena).Run();
}

}  // namespace prm
