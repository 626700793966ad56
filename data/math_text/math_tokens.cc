#include "data/math_text/math_tokens.h"

#include <algorithm>
#include <utility>

#include "data/math_text/math_characters.h"
#include "data/math_text/math_shapes.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool IsWordByte(char c) { return IsLetter(c) || static_cast<unsigned char>(c) >= 0x80; }

class Lexer {
 public:
  Lexer(std::string_view text, std::vector<MathToken>* tokens) : text_(text), tokens_(*tokens) {}

  void Run() {
    tokens_.clear();
    LexRange(text_.size());
    const size_t annotations = annotations_.size();
    for (size_t i = 0; i < annotations; ++i) {
      const auto [begin, end] = annotations_[i];
      at_ = begin;
      region_ = 0;
      Push(TokenKind::kRegionOpen, 0, 0);
      region_ = kAnnotation;
      LexRange(end);
      region_ = 0;
      Push(TokenKind::kRegionClose, 0, 0);
    }
  }

 private:
  static constexpr char kAnnotation = '<';
  static constexpr char kDoubleDollar = 'D';

  bool InFormula() const { return region_ != 0 && (dropped_.empty() || !dropped_.back().second); }
  char At(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
  bool StartsWith(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  MathToken& Push(TokenKind kind, char op, size_t length) {
    MathToken& token = tokens_.emplace_back();
    token.kind = kind;
    token.op = op;
    token.space_before = space_;
    token.in_region = region_ != 0;
    token.begin = uint32_t(at_);
    at_ += length;
    token.end = uint32_t(at_);
    space_ = false;
    return token;
  }

  const MathToken* Last() const { return tokens_.empty() ? nullptr : &tokens_.back(); }
  // Whether the last token ends an operand, with nothing but spaces since.
  bool AfterOperand() const {
    const MathToken* last = Last();
    if (last == nullptr) return false;
    switch (last->kind) {
      case TokenKind::kNumber:
      case TokenKind::kClose:
      case TokenKind::kPercent:
      case TokenKind::kWord:
      case TokenKind::kSymbol:
        return true;
      default:
        return last->kind == TokenKind::kOperator && last->op == '!';
    }
  }

  void LexRange(size_t end) {
    const std::string_view whole = text_;
    text_ = text_.substr(0, end);
    SkipMarker();
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (IsSpace(c)) {
        space_ = true;
        ++at_;
      } else if (c == '\n') {
        Push(TokenKind::kNewline, 0, 1);
        SkipMarker();
      } else if (IsDigit(c) || (c == '.' && IsDigit(At(at_ + 1)))) {
        LexNumber();
      } else if (IsLetter(c)) {
        LexLetters();
      } else if (c == '\\') {
        LexCommand();
      } else if (static_cast<unsigned char>(c) >= 0x80) {
        LexBeyondAscii();
      } else {
        LexSign(c);
      }
    }
    text_ = whole;
  }

  void SkipMarker() {
    const size_t length = ListMarkerLength(text_.substr(at_));
    at_ += length;
    space_ |= length > 0;
  }

  void LexNumber() {
    bool odd = false;
    size_t length = DigitGroupsLength(text_.substr(at_), &odd);
    size_t decimals = 0;
    if (At(at_ + length) == '.' && IsDigit(At(at_ + length + 1))) {
      while (IsDigit(At(at_ + length + 1 + decimals))) ++decimals;
      length += 1 + decimals;
      if (At(at_ + length) == '.' && IsDigit(At(at_ + length + 1))) odd = true;  // 1.2.3
    }
    if (const size_t tail = ClockTailLength(text_.substr(at_ + length)); tail > 0) {
      Push(tail == 2 ? TokenKind::kRatio : TokenKind::kClock, 0, length + tail);
      return;
    }
    const std::string_view after = text_.substr(at_ + length);
    if (IsOrdinalSuffix(after)) {
      Push(TokenKind::kUnknown, 0, length + 2);
      return;
    }
    // The numeral of a base, and a mark of a footnote.
    if (after.starts_with("_")) odd = true;
    MathToken& token = Push(odd ? TokenKind::kUnknown : TokenKind::kNumber, 0, length);
    token.decimals = uint8_t(std::min<size_t>(decimals, 255));
  }

  void PushSymbol(size_t length) {
    length += SubscriptLength(text_.substr(std::min(at_ + length, text_.size())));
    while (At(at_ + length) == '\'') ++length;
    Push(TokenKind::kSymbol, 0, length);
  }

  // Whether the letter x at `at_` is a multiplication sign.
  bool IsTimesLetter() const {
    if ((text_[at_] != 'x' && text_[at_] != 'X') || !AfterOperand()) return false;
    size_t next = at_ + 1;
    while (IsSpace(At(next))) ++next;
    const TokenKind before = Last()->kind;
    const bool after_symbol = before == TokenKind::kSymbol;
    const char c = At(next);
    if (IsDigit(c) || (c == '.' && IsDigit(At(next + 1)))) return !after_symbol;
    if (c == '$') return !after_symbol && region_ == 0 && IsDigit(At(next + 1));
    return c == '(' && space_ && next > at_ + 1 && !after_symbol;
  }

  void LexLetters() {
    if (IsTimesLetter()) {
      Push(TokenKind::kOperator, '*', 1);
      return;
    }
    size_t length = 0;
    while (IsWordByte(At(at_ + length)) && !StartsSign(at_ + length)) ++length;
    const size_t letters = length;
    while (At(at_ + length) == '\'' && IsLetter(At(at_ + length + 1)) && letters > 1) {
      ++length;
      while (IsLetter(At(at_ + length))) ++length;
    }
    const std::string_view word = text_.substr(at_, length);
    if (letters == 1) {
      LexOneLetter();
      return;
    }
    const WordInfo info = LookUpWord(word);
    const bool joins_digit = IsDigit(At(at_ + length));
    if (InFormula() && letters <= 3 && info.classes == 0 && info.unit == 0 && !joins_digit &&
        !HasTwoCapitals(word) && letters == length) {
      for (size_t i = 0; i < letters; ++i) PushSymbol(1);
      return;
    }
    if (letters == 2 && IsVariable(word[0]) && IsVariable(word[1]) && !joins_digit) {
      PushSymbol(1);
      PushSymbol(1);
      return;
    }
    // 2AC is a product of unknown names, no unit.
    const bool joined = !AfterSpace() && HasTwoCapitals(word) && info.unit == 0;
    const bool names = InFormula() && HasTwoCapitals(word) && info.classes == 0 && info.unit == 0;
    MathToken& token = Push(joined || names ? TokenKind::kUnknown : TokenKind::kWord, 0, length);
    token.word = info;
    if (joins_digit) {  // a name such as A1
      size_t digits = 0;
      while (IsDigit(At(at_ + digits))) ++digits;
      Push(TokenKind::kUnknown, 0, digits);
    }
  }

  static bool IsVariable(char c) { return c == 'x' || c == 'y' || c == 'z'; }
  static bool HasTwoCapitals(std::string_view word) {
    return std::count_if(word.begin(), word.end(), IsUpper) >= 2;
  }

  bool AfterSpace() const {
    return space_ || Last() == nullptr || Last()->kind != TokenKind::kNumber;
  }

  // In prose "a", "A" and "I" before a word are words.
  void LexOneLetter() {
    const char c = text_[at_];
    if (region_ == 0 && AfterSpace() && (c == 'a' || c == 'A' || c == 'I') &&
        IsSpace(At(at_ + 1)) && IsLetter(At(at_ + 2)) && IsLetter(At(at_ + 3))) {
      Push(TokenKind::kWord, 0, 1).word = LookUpWord(c == 'I' ? "i" : "a");
      return;
    }
    if (IsDigit(At(at_ + 1))) {  // x2: a power, an index or a product
      size_t digits = 1;
      while (IsDigit(At(at_ + 1 + digits))) ++digits;
      Push(TokenKind::kUnknown, 0, 1 + digits);
      return;
    }
    PushSymbol(1);
  }

  void LexCommand() {
    const char next = At(at_ + 1);
    if (!IsLetter(next)) {
      LexEscaped(next);
      return;
    }
    size_t length = 1;
    while (IsLetter(At(at_ + length))) ++length;
    const std::string_view name = text_.substr(at_ + 1, length - 1);
    const LatexCommand* latex = FindLatexCommand(name);
    if (latex == nullptr) {
      MathToken& token = Push(TokenKind::kUnknown, 0, length);
      token.word = LookUpWord(name);
      return;
    }
    switch (latex->what) {
      case LatexKind::kToken:
        if (latex->kind == TokenKind::kSymbol) {
          PushSymbol(length);
        } else {
          Push(latex->kind, latex->op, length).command = latex->command;
        }
        return;
      case LatexKind::kSpace:
        at_ += length;
        if (At(at_) == '.') ++at_;  // \right.
        return;
      case LatexKind::kText:
      case LatexKind::kTransparent:
        at_ += length;
        if (At(at_) == '{') {
          ++at_;
          dropped_.emplace_back(depth_, latex->what == LatexKind::kText);
          ++depth_;
        }
        return;
      case LatexKind::kDegree:
        PushDegree(length);
        return;
      case LatexKind::kBegin:
      case LatexKind::kEnd:
        LexEnvironment(length);
        return;
    }
  }

  // ^\circ and ^{\circ} are units like "degrees": dropped with the power sign.
  void PushDegree(size_t length) {
    const MathToken* last = Last();
    bool braced = false;
    if (last != nullptr && last->kind == TokenKind::kOpen && last->op == '{') {
      tokens_.pop_back();
      --depth_;
      braced = true;
      last = Last();
    }
    if (last == nullptr || last->kind != TokenKind::kOperator || last->op != '^') {
      Push(TokenKind::kUnknown, 0, length);
      return;
    }
    tokens_.pop_back();
    at_ += length;
    while (braced && IsSpace(At(at_))) ++at_;
    if (braced && At(at_) == '}') ++at_;
  }

  // Rows of aligned equations are lines; tables, matrices and cases are outside the grammar.
  void LexEnvironment(size_t length) {
    const size_t open = at_ + length;
    const size_t close = At(open) == '{' ? text_.substr(open, 24).find('}') : text_.npos;
    if (close == text_.npos) {
      Push(TokenKind::kUnknown, 0, length);
      return;
    }
    const std::string_view name = text_.substr(open + 1, close - 1);
    const bool rows = name.starts_with("align") || name.starts_with("equation") ||
                      name.starts_with("gather") || name.starts_with("split");
    Push(rows ? TokenKind::kNewline : TokenKind::kUnknown, 0, length + close + 1);
  }

  void LexEscaped(char next) {
    switch (next) {
      case '(':
      case '[':
        Push(TokenKind::kRegionOpen, 0, 2);
        region_ = next;
        return;
      case ')':
      case ']':
        region_ = 0;
        Push(TokenKind::kRegionClose, 0, 2);
        return;
      case '\\':
        Push(TokenKind::kNewline, 0, 2);
        return;
      case '%':
        Push(TokenKind::kPercent, 0, 2);
        return;
      case '$':
        Push(TokenKind::kCurrency, 0, 2);
        return;
      case ',':
      case ';':
      case ':':
      case '!':
      case ' ':
        at_ += 2;
        space_ = true;
        return;
      default:
        Push(TokenKind::kUnknown, 0, next == '\0' ? 1 : 2);
    }
  }

  // Whether a sign and no letter starts at `i`.
  bool StartsSign(size_t i) const {
    return static_cast<unsigned char>(At(i)) >= 0x80 &&
           FindMathCharacter(text_.substr(i, 4)) != nullptr;
  }

  void LexBeyondAscii() {
    const MathCharacter* found = FindMathCharacter(text_.substr(at_, 4));
    if (found == nullptr) {
      size_t length = 1;
      while (static_cast<unsigned char>(At(at_ + length)) >= 0x80 && !StartsSign(at_ + length)) {
        ++length;
      }
      Push(TokenKind::kUnknown, 0, length);
      return;
    }
    const size_t length = found->bytes.size();
    switch (found->what) {
      case CharacterKind::kToken:
        Push(found->kind, found->op, length).command = found->command;
        return;
      case CharacterKind::kNumber:
      case CharacterKind::kSuperscript: {
        if (found->what == CharacterKind::kSuperscript) Push(TokenKind::kOperator, '^', 0);
        MathToken& token = Push(TokenKind::kNumber, 0, length);
        token.num = found->num;
        token.den = found->den;
        return;
      }
      case CharacterKind::kSpace:
        at_ += length;
        space_ = true;
        return;
      case CharacterKind::kDegree:
        at_ += length;
        return;
      case CharacterKind::kQuote:
        LexQuote(found->bytes);
        return;
    }
  }

  // An apostrophe inside a word joins its tail: that’s.
  void LexQuote(std::string_view quote) {
    const bool apostrophe = quote == "’" && !space_ && Last() != nullptr &&
                            Last()->kind == TokenKind::kWord && IsLetter(At(at_ + quote.size()));
    at_ += quote.size();
    if (!apostrophe) {
      space_ = true;
      return;
    }
    while (IsLetter(At(at_))) ++at_;
    tokens_.back().end = uint32_t(at_);
  }

  void LexSign(char c) {
    switch (c) {
      case '-':
        return LexMinus();
      case '*':
        return LexStar();
      case '!':
        return LexExclamation();
      case '$':
        return LexDollar();
      case '<':
        return LexLess();
      case ':':
        return LexColon();
      case '}':
        return LexCloseBrace();
      case '{':
        ++depth_;
        Push(TokenKind::kOpen, c, 1);
        return;
      case '=':
        if (At(at_ + 1) == '>') {
          Push(TokenKind::kStop, 0, 2);
        } else {
          Push(TokenKind::kRelation, '=', At(at_ + 1) == '=' ? 2 : 1);
        }
        return;
      case '>':
        Push(TokenKind::kRelation, At(at_ + 1) == '=' ? 'g' : '>', At(at_ + 1) == '=' ? 2 : 1);
        return;
      case '~':
        if (AfterOperand()) {
          Push(TokenKind::kRelation, '~', 1);
        } else {
          Push(TokenKind::kWord, 0, 1).word.classes = kWordAbout;
        }
        return;
      case '.':
        if (StartsWith("...")) {
          Push(TokenKind::kUnknown, 0, 3);
        } else {
          Push(TokenKind::kStop, '.', 1);
        }
        return;
      case '&':
      case '"':
      case '`':
      case '\'':
        ++at_;
        space_ = true;
        return;
      case '#':
        if (StartsWith("####")) {
          Push(TokenKind::kNewline, 0, 4);
          return;
        }
        [[fallthrough]];
      default:
        Push(KindOfSign(c), c, 1);
    }
  }

  void LexColon() {
    if (At(at_ + 1) == '=') {
      Push(TokenKind::kRelation, '=', 2);
    } else if (space_ && AfterOperand() && Last()->kind == TokenKind::kNumber &&
               At(at_ + 1) == ' ' && IsDigit(At(at_ + 2))) {
      Push(TokenKind::kRatio, 0, 1);
    } else {
      Push(TokenKind::kColon, 0, 1);
    }
  }

  // A hyphen inside a word counts as a space: 8-hour, x-axis.
  void LexMinus() {
    const char next = At(at_ + 1);
    if (next == '>' || next == '-') {
      Push(TokenKind::kStop, 0, 2);
      return;
    }
    const bool joins =
        !space_ && AfterOperand() && IsLetter(next) && IsLetter(At(at_ + 2)) && region_ == 0;
    const bool after_word = !space_ && Last() != nullptr && Last()->kind == TokenKind::kWord &&
                            (IsLetter(next) || IsDigit(next));
    if (joins || after_word) {
      ++at_;
      space_ = true;
      return;
    }
    Push(TokenKind::kOperator, '-', 1);
  }

  // ** is a power between numbers, else emphasis.
  void LexStar() {
    if (At(at_ + 1) != '*') {
      Push(TokenKind::kOperator, '*', 1);
    } else if (AfterOperand() && Last()->kind != TokenKind::kWord && IsDigit(At(at_ + 2))) {
      Push(TokenKind::kOperator, '^', 2);
    } else {
      at_ += 2;
      space_ = true;
    }
  }

  // A factorial, the sign "not equal" or the end of a sentence.
  void LexExclamation() {
    const bool close = !space_ && AfterOperand() && Last()->kind != TokenKind::kWord;
    if (!close) {
      const bool unequal = At(at_ + 1) == '=';
      Push(unequal ? TokenKind::kRelation : TokenKind::kStop, 'n', unequal ? 2 : 1);
      return;
    }
    size_t next = at_ + 1;
    while (IsSpace(At(next))) ++next;
    const char after = At(next);
    const bool ends = region_ == 0 && (after == '\0' || after == '\n' || IsUpper(after));
    Push(ends ? TokenKind::kStop : TokenKind::kOperator, '!', 1);
  }

  void LexCloseBrace() {
    --depth_;
    if (!dropped_.empty() && dropped_.back().first == depth_) {
      dropped_.pop_back();
      ++at_;
      space_ = true;
    } else {
      Push(TokenKind::kClose, '}', 1);
    }
  }

  void LexLess() {
    if (At(at_ + 1) == '<' && region_ != kAnnotation) {
      if (const size_t length = CalculatorMarkLength(text_.substr(at_)); length > 0) {
        annotations_.emplace_back(at_ + 2, at_ + length - 2);
        at_ += length;
        return;
      }
    }
    const bool equal = At(at_ + 1) == '=';
    Push(TokenKind::kRelation, equal ? 'l' : '<', equal ? 2 : 1);
  }

  void LexDollar() {
    const bool doubled = At(at_ + 1) == '$';
    if (region_ == '$' || (region_ == kDoubleDollar && doubled)) {
      const size_t length = region_ == '$' ? 1 : 2;
      region_ = 0;
      Push(TokenKind::kRegionClose, 0, length);
    } else if (region_ == 0 && doubled) {
      Push(TokenKind::kRegionOpen, 0, 2);
      region_ = kDoubleDollar;
    } else if (region_ == 0 && OpensMathRegion(text_.substr(at_))) {
      Push(TokenKind::kRegionOpen, 0, 1);
      region_ = '$';
    } else {
      Push(TokenKind::kCurrency, 0, 1);
    }
  }

  std::string_view text_;
  std::vector<MathToken>& tokens_;
  size_t at_ = 0;
  bool space_ = false;
  char region_ = 0;  // what closes it: $ ) ] or kAnnotation
  int depth_ = 0;    // of open braces
  // Depths of the braces that leave no token; whether they enclose prose.
  std::vector<std::pair<int, bool>> dropped_;
  std::vector<std::pair<size_t, size_t>> annotations_;
};

}  // namespace

void LexMath(std::string_view text, std::vector<MathToken>* tokens) { Lexer(text, tokens).Run(); }

}  // namespace prm
