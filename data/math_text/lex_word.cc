#include "data/math_text/lex_word.h"

#include <algorithm>
#include <string_view>

#include "data/math_text/lex_sign.h"
#include "data/math_text/vocabulary.h"

namespace prm {
namespace {

bool IsWordByte(char c) { return IsLetter(c) || static_cast<unsigned char>(c) >= 0x80; }
bool IsVariable(char c) { return c == 'x' || c == 'y' || c == 'z'; }

bool HasTwoCapitals(std::string_view word) {
  return std::count_if(word.begin(), word.end(), IsUpper) >= 2;
}

// Whether the letter x at the cursor is a multiplication sign.
bool IsTimesLetter(MathCursor* cursor) {
  if ((cursor->Peek() != 'x' && cursor->Peek() != 'X') || !cursor->AfterOperand()) return false;
  size_t next = 1;
  while (IsMathSpace(cursor->Peek(next))) ++next;
  const TokenKind before = cursor->Last()->kind;
  const bool after_symbol = before == TokenKind::kSymbol;
  const char c = cursor->Peek(next);
  if (IsDigit(c) || (c == '.' && IsDigit(cursor->Peek(next + 1)))) return !after_symbol;
  if (c == '$') return !after_symbol && cursor->InProse() && IsDigit(cursor->Peek(next + 1));
  return c == '(' && cursor->space && next > 1 && !after_symbol;
}

// Whether no number is directly before.
bool AfterSpace(MathCursor* cursor) {
  return cursor->space || cursor->Last() == nullptr || cursor->Last()->kind != TokenKind::kNumber;
}

// In prose "a", "A" and "I" before a word are words.
void LexOneLetter(MathCursor* cursor) {
  const char c = cursor->Peek();
  if (cursor->InProse() && AfterSpace(cursor) && (c == 'a' || c == 'A' || c == 'I') &&
      IsMathSpace(cursor->Peek(1)) && IsLetter(cursor->Peek(2)) && IsLetter(cursor->Peek(3))) {
    cursor->Push(TokenKind::kWord, 0, 1).word = LookUpWord(c == 'I' ? "i" : "a");
    return;
  }
  if (IsDigit(cursor->Peek(1))) {  // x2: a power, an index or a product
    size_t digits = 1;
    while (IsDigit(cursor->Peek(1 + digits))) ++digits;
    cursor->Push(TokenKind::kUnknown, 0, 1 + digits);
    return;
  }
  cursor->PushSymbol(1);
}

}  // namespace

void LexWord(MathCursor* cursor) {
  if (IsTimesLetter(cursor)) {
    cursor->Push(TokenKind::kOperator, '*', 1);
    return;
  }
  size_t length = 0;
  while (IsWordByte(cursor->Peek(length)) && !StartsSign(*cursor, length)) ++length;
  const size_t letters = length;
  while (cursor->Peek(length) == '\'' && IsLetter(cursor->Peek(length + 1)) && letters > 1) {
    ++length;
    while (IsLetter(cursor->Peek(length))) ++length;
  }
  const std::string_view word = cursor->text.substr(cursor->at, length);
  if (letters == 1) {
    LexOneLetter(cursor);
    return;
  }
  const WordInfo info = LookUpWord(word);
  const bool joins_digit = IsDigit(cursor->Peek(length));
  if (cursor->InFormula() && letters <= 3 && info.classes == 0 && info.unit == 0 && !joins_digit &&
      !HasTwoCapitals(word) && letters == length) {
    for (size_t i = 0; i < letters; ++i) cursor->PushSymbol(1);
    return;
  }
  if (letters == 2 && IsVariable(word[0]) && IsVariable(word[1]) && !joins_digit) {
    cursor->PushSymbol(1);
    cursor->PushSymbol(1);
    return;
  }
  // 2AC is a product of unknown names, not a unit.
  const bool joined = !AfterSpace(cursor) && HasTwoCapitals(word) && info.unit == 0;
  const bool names =
      cursor->InFormula() && HasTwoCapitals(word) && info.classes == 0 && info.unit == 0;
  MathToken& token =
      cursor->Push(joined || names ? TokenKind::kUnknown : TokenKind::kWord, 0, length);
  token.word = info;
  if (joins_digit) {  // a name such as A1
    size_t digits = 0;
    while (IsDigit(cursor->Peek(digits))) ++digits;
    cursor->Push(TokenKind::kUnknown, 0, digits);
  }
}

}  // namespace prm
