#include "data/algebra/expression_parser.h"

#include <utility>

namespace prm {
namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxTokens = 400;

constexpr int kJuxtaposedPower = 25;

// Letters that multiply a parenthesis after them; other letters are applied to it: f(0), P(x).
bool MultipliesParentheses(std::string_view symbol) {
  return symbol.size() == 1 &&
         std::string_view("abcijklmnrstuvwxyz").find(symbol[0]) != std::string_view::npos;
}

class Parser {
 public:
  Parser(std::string_view text, std::span<const MathToken> tokens, uint8_t reading,
         SymbolTable* symbols, ExpressionArena* arena)
      : text_(text), tokens_(tokens), reading_(reading), symbols_(*symbols), arena_(*arena) {}

  ParsedExpression Run() {
    ParsedExpression parsed;
    if (tokens_.size() > kMaxTokens) {
      parsed.reason = Reason::kTooBig;
      return parsed;
    }
    const int root = Expression(0, 0);
    if (root < 0 || at_ < tokens_.size()) {
      parsed.reason = failed_ ? reason_ : ReasonAt(at_);
      return parsed;
    }
    parsed.root = root;
    parsed.traits = traits_;
    parsed.traits.has_operator = traits_.operations > 0;
    if (numbers_ != 1 || traits_.has_operator || traits_.operations > 0 || traits_.has_symbol) {
      parsed.traits.shown_decimals = -1;
    }
    return parsed;
  }

 private:
  const MathToken* Peek(size_t ahead = 0) const {
    return at_ + ahead < tokens_.size() ? &tokens_[at_ + ahead] : nullptr;
  }
  bool PeekIs(TokenKind kind, char op = 0) const {
    const MathToken* token = Peek();
    return token != nullptr && token->kind == kind && (op == 0 || token->op == op);
  }
  std::string_view TextOf(const MathToken& token) const {
    return text_.substr(token.begin, token.end - token.begin);
  }

  int Fail(Reason reason) {
    if (!failed_) reason_ = reason;
    failed_ = true;
    return -1;
  }
  Reason ReasonAt(size_t i) const {
    if (i >= tokens_.size()) return Reason::kUnread;
    const MathToken& token = tokens_[i];
    if (token.kind == TokenKind::kClock) return Reason::kClockTime;
    if (token.kind == TokenKind::kRatio) return Reason::kRatio;
    if (token.word.classes & kWordFunction) return Reason::kFunction;
    if (token.word.classes & kWordModular) return Reason::kModular;
    return token.kind == TokenKind::kWord ? Reason::kWords : Reason::kUnread;
  }

  int Add(NodeKind kind, int a, int b = -1, int index = -1) {
    if (failed_) return -1;
    arena_.nodes.push_back({kind, a, b, index});
    return int(arena_.nodes.size()) - 1;
  }
  int AddNumber(Fraction value) {
    arena_.numbers.push_back(std::move(value));
    return Add(NodeKind::kNumber, -1, -1, int(arena_.numbers.size()) - 1);
  }
  bool IsWholeNumber(int node) const {
    return node >= 0 && arena_.nodes[size_t(node)].kind == NodeKind::kNumber &&
           arena_.numbers[size_t(arena_.nodes[size_t(node)].index)].IsInteger();
  }

  // --- infix ---------------------------------------------------------------------------------

  struct Infix {
    NodeKind kind = NodeKind::kAdd;
    int power = -1;  // -1: none
    int tokens = 0;  // tokens in its spelling; 0: juxtaposition
  };

  Infix PeekInfix() const {
    const MathToken* token = Peek();
    if (token == nullptr) return {};
    switch (token->kind) {
      case TokenKind::kOperator:
        switch (token->op) {
          case '+':
            return {NodeKind::kAdd, kSumPower, 1};
          case '-':
            return {NodeKind::kSubtract, kSumPower, 1};
          case '*':
            return {NodeKind::kMultiply, IsPowerOfTen() ? Juxtaposition() : kProductPower, 1};
          case '/':
            return {NodeKind::kDivide, kProductPower, 1};
          case '^':
            return {NodeKind::kPower, kPowerPower, 1};
          default:
            return {};
        }
      case TokenKind::kWord:
        return WordInfix(*token);
      case TokenKind::kOpen:
      case TokenKind::kSymbol:
        return {NodeKind::kMultiply, Juxtaposition(), 0};
      case TokenKind::kCommand:
        if (token->command == MathCommand::kChoose) return {NodeKind::kBinomial, 1, 1};
        if (IsMixedFraction()) return {NodeKind::kMultiply, kPowerPower + 1, 0};
        return {NodeKind::kMultiply, Juxtaposition(), 0};
      case TokenKind::kNumber:
        // Mixed numbers (2 1/2) bind tighter than any operator. (3)4 is a product, 3 4 is not.
        if (IsMixedPart()) return {NodeKind::kMultiply, kPowerPower + 1, 0};
        if (after_close_) return {NodeKind::kMultiply, Juxtaposition(), 0};
        return {};
      default:
        return {};
    }
  }

  Infix WordInfix(const MathToken& token) const {
    const uint32_t classes = token.word.classes;
    const MathToken* next = Peek(1);
    const bool by = next != nullptr && next->kind == TokenKind::kWord && TextOf(*next) == "by";
    if ((classes & kWordBy) && by) {
      return {token.end - token.begin == 7 ? NodeKind::kDivide : NodeKind::kMultiply, kProductPower,
              2};
    }
    if (classes & (kWordTimes | kWordOf)) return {NodeKind::kMultiply, kProductPower, 1};
    if (classes & kWordPlus) return {NodeKind::kAdd, kSumPower, 1};
    if (classes & kWordMinus) return {NodeKind::kSubtract, kSumPower, 1};
    return {};
  }

  int Juxtaposition() const {
    return reading_ & kReadJuxtaposedFirst ? kJuxtaposedPower : kProductPower;
  }

  // Whether the next sign is that of 2.4 x 10^8.
  bool IsPowerOfTen() const {
    const MathToken* ten = Peek(1);
    const MathToken* power = Peek(2);
    return ten != nullptr && power != nullptr && ten->kind == TokenKind::kNumber &&
           TextOf(*ten) == "10" && power->kind == TokenKind::kOperator && power->op == '^';
  }

  // Whether the next number is the fraction of a mixed number: 1/2 after a whole number.
  bool IsMixedPart() const {
    const MathToken& token = *Peek();
    if (!last_is_whole_) return false;
    if (token.den > 1) return true;
    const MathToken* slash = Peek(1);
    const MathToken* den = Peek(2);
    return token.space_before && token.decimals == 0 && slash != nullptr && den != nullptr &&
           slash->kind == TokenKind::kOperator && slash->op == '/' && !slash->space_before &&
           den->kind == TokenKind::kNumber && !den->space_before && den->decimals == 0 &&
           token.end - token.begin <= den->end - den->begin;
  }

  // Whether \frac13 follows a whole number.
  bool IsMixedFraction() const {
    return last_is_whole_ && Peek()->command == MathCommand::kFraction && FractionOfNumbers();
  }

  int Expression(int minimum, int depth) {
    if (depth > kMaxDepth) return Fail(Reason::kTooBig);
    int left = Prefix(depth);
    while (left >= 0 && !failed_) {
      left = Postfix(left);
      const Infix infix = PeekInfix();
      if (infix.power < 0 || infix.power < minimum) break;
      left = infix.tokens == 0 ? JoinJuxtaposed(left, infix, depth) : Join(left, infix, depth);
    }
    return failed_ ? -1 : left;
  }

  int Join(int left, const Infix& infix, int depth) {
    if (infix.power <= kSumPower) divided_ = 0;
    if (divided_ > 0 && PeekIs(TokenKind::kOperator, '*') && IsPowerOfTen()) {
      traits_.ambiguities |= kReadJuxtaposedFirst;
    }
    at_ += size_t(infix.tokens);
    after_close_ = last_is_whole_ = false;
    ++traits_.operations;
    if (infix.kind == NodeKind::kPower)
      return Add(infix.kind, left, Expression(kPowerPower, depth + 1));
    if (infix.kind == NodeKind::kBinomial) return Add(infix.kind, left, Expression(2, depth + 1));
    if (infix.kind == NodeKind::kDivide && divided_ > 0)
      traits_.ambiguities |= kReadDivisionFromRight;
    const bool from_right = infix.kind == NodeKind::kDivide && (reading_ & kReadDivisionFromRight);
    const int before = std::exchange(divided_, divided_ + (infix.kind == NodeKind::kDivide));
    const int right = Expression(infix.power + (from_right ? 0 : 1), depth + 1);
    divided_ = infix.kind == NodeKind::kDivide ? before + 1 : before;
    if (infix.power == kSumPower) divided_ = 0;
    return Add(infix.kind, left, right);
  }

  int JoinJuxtaposed(int left, const Infix& infix, int depth) {
    const MathToken& next = *Peek();
    if (infix.power > kPowerPower) {
      traits_.ambiguities |= kReadMixedAsProduct;
      const int part = Expression(kPowerPower + 1, depth + 1);
      if (next.kind == TokenKind::kNumber && next.den == 0) return JoinMixed(left, part, depth);
      return Add(MixedKind(), left, part);
    }
    if (divided_ > 0) traits_.ambiguities |= kReadJuxtaposedFirst;
    const bool may_be_remark =
        next.kind == TokenKind::kOpen && next.space_before && !next.in_region;
    if (may_be_remark) traits_.ambiguities |= kReadBracketAsRemark;
    ++traits_.operations;
    const int right = Expression(infix.power + 1, depth + 1);
    if (may_be_remark && (reading_ & kReadBracketAsRemark)) return left;
    return Add(NodeKind::kMultiply, left, right);
  }

  NodeKind MixedKind() const {
    return reading_ & kReadMixedAsProduct ? NodeKind::kMultiply : NodeKind::kAdd;
  }

  // `part` is the 1 of 2 1/2.
  int JoinMixed(int left, int part, int depth) {
    ++at_;
    const int den = Expression(kPowerPower + 1, depth + 1);
    return Add(MixedKind(), left, Add(NodeKind::kDivide, part, den));
  }

  // Whether the next \frac has only numbers: \frac13, \frac{1}{3}.
  bool FractionOfNumbers() const {
    for (size_t i = 1; i <= 6; ++i) {
      const MathToken* token = Peek(i);
      if (token == nullptr) return i > 1;
      const bool brace = (token->kind == TokenKind::kOpen || token->kind == TokenKind::kClose);
      if (token->kind != TokenKind::kNumber && !(brace && (token->op == '{' || token->op == '}'))) {
        return i == 2 || i >= 4;
      }
    }
    return true;
  }

  // --- postfix -------------------------------------------------------------------------------

  int Postfix(int left) {
    while (const MathToken* token = Peek()) {
      if (token->kind == TokenKind::kOperator && token->op == '!') {
        ++traits_.operations;
        left = Add(NodeKind::kFactorial, left);
      } else if (token->kind == TokenKind::kPercent ||
                 (token->kind == TokenKind::kWord && (token->word.classes & kWordPercent))) {
        left = Percent(left);
      } else if (token->kind == TokenKind::kCurrency) {
        NoteUnit(DollarUnit());
      } else if (token->kind == TokenKind::kWord && !IsWordOperator(*token)) {
        traits_.has_unit_word = true;
        if (token->word.unit != 0) NoteUnit(token->word.unit);
        last_is_whole_ = false;
        SkipUnitPower();
      } else if (IsUnitBelow()) {
        ++at_;
        traits_.has_unit_word = true;
        if (Peek()->word.unit != 0) NoteUnit(Peek()->word.unit);
      } else {
        break;
      }
      if (left < 0) break;
      ++at_;
    }
    return left;
  }

  bool IsWordOperator(const MathToken& token) const {
    if (token.word.classes & kWordOf) {
      // "of" multiplies a percentage or a fraction; after a unit it belongs to the unit.
      const MathToken* next = Peek(1);
      return next != nullptr && next->kind != TokenKind::kWord;
    }
    return WordInfix(token).power >= 0;
  }
  // cm^2: the power of a unit.
  void SkipUnitPower() {
    const MathToken* sign = Peek(1);
    const MathToken* exponent = Peek(2);
    if (sign != nullptr && exponent != nullptr && sign->kind == TokenKind::kOperator &&
        sign->op == '^' && !sign->space_before && exponent->kind == TokenKind::kNumber) {
      at_ += 2;
    }
  }
  // "/day" after an operand.
  bool IsUnitBelow() const {
    const MathToken* next = Peek(1);
    return PeekIs(TokenKind::kOperator, '/') && next != nullptr && next->kind == TokenKind::kWord;
  }

  void NoteUnit(UnitId unit) { traits_.units |= uint64_t{1} << unit; }

  int Percent(int left) {
    // Ambiguous: in 37/4% the percent sign applies to the fraction or to the 4.
    if (divided_ > 0) return Fail(Reason::kUnread);
    traits_.has_percent = true;
    traits_.ambiguities |= kReadPercentAsNumber;
    last_is_whole_ = false;
    if (reading_ & kReadPercentAsNumber) return left;
    return Add(NodeKind::kDivide, left, AddNumber(Fraction(100)));
  }

  // --- prefix --------------------------------------------------------------------------------

  int Prefix(int depth) {
    if (depth > kMaxDepth) return Fail(Reason::kTooBig);
    const MathToken* token = Peek();
    if (token == nullptr) return Fail(Reason::kUnread);
    switch (token->kind) {
      case TokenKind::kNumber:
        return Number();
      case TokenKind::kSymbol:
        return Symbol();
      case TokenKind::kCurrency:
        ++at_;
        NoteUnit(DollarUnit());
        return Prefix(depth + 1);
      case TokenKind::kOperator:
        if (token->op != '-' && token->op != '+') return Fail(Reason::kUnread);
        ++at_;
        if (token->op == '+') return Expression(kSignPower, depth + 1);
        return Add(NodeKind::kNegate, Expression(kSignPower, depth + 1));
      case TokenKind::kOpen:
        return Group(depth);
      case TokenKind::kCommand:
        return Command(depth);
      default:
        return Fail(ReasonAt(at_));
    }
  }

  int Number() {
    const MathToken& token = tokens_[at_++];
    Fraction value;
    if (token.den != 0) {
      value = Fraction(token.num, token.den);
    } else if (!value.SetDecimal(TextOf(token))) {
      return Fail(Reason::kTooBig);
    }
    ++numbers_;
    traits_.has_decimal |= token.decimals > 0;
    traits_.shown_decimals = token.decimals;
    after_close_ = false;
    last_is_whole_ = token.decimals == 0 && token.den <= 1;
    return AddNumber(std::move(value));
  }

  int Symbol() {
    const MathToken& token = tokens_[at_++];
    const std::string_view name = TextOf(token);
    after_close_ = last_is_whole_ = false;
    traits_.has_symbol = true;
    if (PeekIs(TokenKind::kOpen, '(') && !MultipliesParentheses(name) && name != "\\pi" &&
        name != "π") {
      return Fail(Reason::kFunction);
    }
    const int id = symbols_.IdOf(name == "π" ? "\\pi" : name);
    if (id < 0) return Fail(Reason::kTooBig);
    return Add(NodeKind::kSymbol, -1, -1, id);
  }

  int Group(int depth) {
    const char open = tokens_[at_++].op;
    const char close = open == '(' ? ')' : open == '[' ? ']' : '}';
    after_close_ = last_is_whole_ = false;
    const int divided = std::exchange(divided_, 0);
    const int inside = Expression(0, depth + 1);
    divided_ = divided;
    if (inside < 0) return -1;
    if (!PeekIs(TokenKind::kClose, close)) return Fail(ReasonAt(at_));
    ++at_;
    after_close_ = true;
    last_is_whole_ = false;
    return inside;
  }

  // The argument of a command: a group, or one digit or letter.
  int Argument(int depth) {
    const MathToken* token = Peek();
    if (token == nullptr) return Fail(Reason::kUnread);
    if (token->kind == TokenKind::kOpen && token->op == '{') return Group(depth);
    if (token->kind == TokenKind::kSymbol) return Symbol();
    if (token->kind == TokenKind::kCommand) return Command(depth + 1);
    if (token->kind != TokenKind::kNumber || token->den != 0) return Fail(ReasonAt(at_));
    const std::string_view digits = TextOf(*token);
    if (token->decimals > 0 || digits.find(',') != digits.npos) return Fail(Reason::kUnread);
    const int digit = digits[digits_taken_] - '0';
    if (++digits_taken_ == digits.size()) {
      digits_taken_ = 0;
      ++at_;
    }
    return AddNumber(Fraction(digit));
  }

  int Command(int depth) {
    if (depth > kMaxDepth) return Fail(Reason::kTooBig);
    const MathCommand command = tokens_[at_].command;
    const bool is_sign = tokens_[at_].end - tokens_[at_].begin < 4;  // the character for a root
    ++at_;
    int node = -1;
    ++traits_.operations;
    switch (command) {
      case MathCommand::kFraction:
      case MathCommand::kBinomial: {
        const int above = Argument(depth + 1);
        const int below = above < 0 ? -1 : Argument(depth + 1);
        if (below < 0) return -1;
        // A fraction of two whole numbers counts as one number, like 0.5.
        node = Add(command == MathCommand::kFraction ? NodeKind::kDivide : NodeKind::kBinomial,
                   above, below);
        break;
      }
      case MathCommand::kRoot:
        node = Root(is_sign, depth);
        break;
      default:
        return Fail(Reason::kUnread);
    }
    if (digits_taken_ != 0) return Fail(Reason::kUnread);
    after_close_ = true;
    last_is_whole_ = false;
    return node;
  }

  int Root(bool is_sign, int depth) {
    traits_.has_root = true;
    int index = -1;
    if (PeekIs(TokenKind::kOpen, '[')) {
      index = Group(depth + 1);
      if (index < 0) return -1;
    } else {
      index = AddNumber(Fraction(2));
    }
    int radicand = -1;
    if (is_sign && PeekIs(TokenKind::kNumber)) {
      radicand = Number();
    } else if (PeekIs(TokenKind::kOpen, '(')) {
      radicand = Group(depth + 1);
    } else {
      radicand = Argument(depth + 1);
    }
    return radicand < 0 ? -1 : Add(NodeKind::kRoot, radicand, index);
  }

  std::string_view text_;
  std::span<const MathToken> tokens_;
  const uint8_t reading_;
  SymbolTable& symbols_;
  ExpressionArena& arena_;
  ExpressionTraits traits_;
  size_t at_ = 0;
  size_t digits_taken_ = 0;  // of the number at at_, consumed by one-digit arguments
  int numbers_ = 0;
  int divided_ = 0;             // divisions in the product so far
  bool after_close_ = false;    // the previous operand ends with a bracket
  bool last_is_whole_ = false;  // the previous operand is a number without decimals
  bool failed_ = false;
  Reason reason_ = Reason::kUnread;
};

}  // namespace

ParsedExpression ParseMath(std::string_view text, std::span<const MathToken> tokens,
                           uint8_t reading, SymbolTable* symbols, ExpressionArena* arena) {
  return Parser(text, tokens, reading, symbols, arena).Run();
}

}  // namespace prm
