#include "data/math_text/lex_sign.h"

#include <string_view>

#include "data/math_text/math_characters.h"
#include "data/math_text/math_shapes.h"
#include "data/math_text/vocabulary.h"

namespace prm {
namespace {

// A hyphen inside a word counts as a space: 8-hour, x-axis.
void LexMinus(MathCursor* cursor) {
  const char next = cursor->Peek(1);
  if (next == '>' || next == '-') {
    cursor->Push(TokenKind::kStop, 0, 2);
    return;
  }
  const bool joins = !cursor->space && cursor->AfterOperand() && IsLetter(next) &&
                     IsLetter(cursor->Peek(2)) && cursor->InProse();
  const bool after_word =
      !cursor->space && cursor->AfterWord() && (IsLetter(next) || IsDigit(next));
  if (joins || after_word) {
    cursor->Skip(1);
    return;
  }
  cursor->Push(TokenKind::kOperator, '-', 1);
}

// ** is a power between numbers, otherwise emphasis.
void LexStar(MathCursor* cursor) {
  if (cursor->Peek(1) != '*') {
    cursor->Push(TokenKind::kOperator, '*', 1);
  } else if (cursor->AfterOperand() && cursor->Last()->kind != TokenKind::kWord &&
             IsDigit(cursor->Peek(2))) {
    cursor->Push(TokenKind::kOperator, '^', 2);
  } else {
    cursor->Skip(2);
  }
}

// A factorial, the sign "not equal" or the end of a sentence.
void LexExclamation(MathCursor* cursor) {
  const bool close =
      !cursor->space && cursor->AfterOperand() && cursor->Last()->kind != TokenKind::kWord;
  if (!close) {
    if (cursor->Peek(1) == '=') {
      cursor->PushRelation(Relation::kUnequal, 2);
    } else {
      cursor->Push(TokenKind::kStop, 0, 1);
    }
    return;
  }
  size_t next = 1;
  while (IsMathSpace(cursor->Peek(next))) ++next;
  const char after = cursor->Peek(next);
  const bool ends = cursor->InProse() && (after == '\0' || after == '\n' || IsUpper(after));
  cursor->Push(ends ? TokenKind::kStop : TokenKind::kOperator, '!', 1);
}

void LexDollar(MathCursor* cursor) {
  const bool doubled = cursor->Peek(1) == '$';
  if (cursor->region == MathRegion::kDollar ||
      (cursor->region == MathRegion::kDoubleDollar && doubled)) {
    const size_t length = cursor->region == MathRegion::kDollar ? 1 : 2;
    cursor->region = MathRegion::kProse;
    cursor->Push(TokenKind::kRegionClose, 0, length);
  } else if (cursor->InProse() && doubled) {
    cursor->Push(TokenKind::kRegionOpen, 0, 2);
    cursor->region = MathRegion::kDoubleDollar;
  } else if (cursor->InProse() && OpensMathRegion(cursor->Rest())) {
    cursor->Push(TokenKind::kRegionOpen, 0, 1);
    cursor->region = MathRegion::kDollar;
  } else {
    cursor->Push(TokenKind::kCurrency, 0, 1);
  }
}

void LexEquals(MathCursor* cursor) {
  if (cursor->Peek(1) == '>') {
    cursor->Push(TokenKind::kStop, 0, 2);
  } else {
    cursor->PushRelation(Relation::kEqual, cursor->Peek(1) == '=' ? 2 : 1);
  }
}

void LexGreater(MathCursor* cursor) {
  if (cursor->Peek(1) == '=') {
    cursor->PushRelation(Relation::kGreaterEqual, 2);
  } else {
    cursor->PushRelation(Relation::kGreater, 1);
  }
}

// After an operand "about equal"; before an operand "about".
void LexTilde(MathCursor* cursor) {
  if (cursor->AfterOperand()) {
    cursor->PushRelation(Relation::kAbout, 1);
  } else {
    cursor->Push(TokenKind::kWord, 0, 1).word.classes = kWordAbout;
  }
}

void LexDots(MathCursor* cursor) {
  if (cursor->Rest().starts_with("...")) {
    cursor->Push(TokenKind::kUnknown, 0, 3);
  } else {
    cursor->Push(TokenKind::kStop, '.', 1);
  }
}

// "####" before an answer begins a line.
void LexHash(MathCursor* cursor) {
  if (cursor->Rest().starts_with("####")) {
    cursor->Push(TokenKind::kNewline, 0, 4);
  } else {
    cursor->Push(TokenKind::kUnknown, '#', 1);
  }
}

void LexOpenBrace(MathCursor* cursor) {
  ++cursor->depth;
  cursor->Push(TokenKind::kOpen, '{', 1);
}

void LexLess(MathCursor* cursor) {
  if (cursor->Peek(1) == '<' && cursor->region != MathRegion::kAnnotation) {
    if (const size_t length = CalculatorMarkLength(cursor->Rest()); length > 0) {
      cursor->annotations.emplace_back(cursor->at + 2, cursor->at + length - 2);
      cursor->at += length;
      return;
    }
  }
  if (cursor->Peek(1) == '=') {
    cursor->PushRelation(Relation::kLessEqual, 2);
  } else {
    cursor->PushRelation(Relation::kLess, 1);
  }
}

void LexColon(MathCursor* cursor) {
  if (cursor->Peek(1) == '=') {
    cursor->PushRelation(Relation::kEqual, 2);
  } else if (cursor->space && cursor->AfterOperand() &&
             cursor->Last()->kind == TokenKind::kNumber && cursor->Peek(1) == ' ' &&
             IsDigit(cursor->Peek(2))) {
    cursor->Push(TokenKind::kRatio, 0, 1);
  } else {
    cursor->Push(TokenKind::kColon, 0, 1);
  }
}

void LexCloseBrace(MathCursor* cursor) {
  --cursor->depth;
  if (!cursor->dropped.empty() && cursor->dropped.back().first == cursor->depth) {
    cursor->dropped.pop_back();
    cursor->Skip(1);
  } else {
    cursor->Push(TokenKind::kClose, '}', 1);
  }
}

// An apostrophe inside a word joins its tail: that’s.
void LexQuote(MathCursor* cursor, std::string_view quote) {
  const bool apostrophe =
      quote == "’" && !cursor->space && cursor->AfterWord() && IsLetter(cursor->Peek(quote.size()));
  cursor->at += quote.size();
  if (!apostrophe) {
    cursor->space = true;
    return;
  }
  while (IsLetter(cursor->Peek())) ++cursor->at;
  cursor->tokens.back().end = uint32_t(cursor->at);
}

}  // namespace

bool StartsSign(const MathCursor& cursor, size_t ahead) {
  return static_cast<unsigned char>(cursor.Peek(ahead)) >= 0x80 &&
         FindMathCharacter(cursor.Rest(ahead).substr(0, 4)) != nullptr;
}

void LexSign(MathCursor* cursor) {
  const char c = cursor->Peek();
  switch (c) {
    case '-':
      return LexMinus(cursor);
    case '*':
      return LexStar(cursor);
    case '!':
      return LexExclamation(cursor);
    case '$':
      return LexDollar(cursor);
    case '=':
      return LexEquals(cursor);
    case '<':
      return LexLess(cursor);
    case '>':
      return LexGreater(cursor);
    case '~':
      return LexTilde(cursor);
    case ':':
      return LexColon(cursor);
    case '.':
      return LexDots(cursor);
    case '#':
      return LexHash(cursor);
    case '{':
      return LexOpenBrace(cursor);
    case '}':
      return LexCloseBrace(cursor);
    case '&':
    case '"':
    case '`':
    case '\'':
      return cursor->Skip(1);
    default:
      cursor->Push(KindOfSign(c), c, 1);
  }
}

void LexBeyondAscii(MathCursor* cursor) {
  const MathCharacter* found = FindMathCharacter(cursor->text.substr(cursor->at, 4));
  if (found == nullptr) {
    size_t length = 1;
    while (static_cast<unsigned char>(cursor->Peek(length)) >= 0x80 &&
           !StartsSign(*cursor, length)) {
      ++length;
    }
    cursor->Push(TokenKind::kUnknown, 0, length);
    return;
  }
  const size_t length = found->bytes.size();
  switch (found->what) {
    case CharacterKind::kToken: {
      MathToken& token = cursor->Push(found->kind, found->op, length);
      token.command = found->command;
      token.relation = found->relation;
      return;
    }
    case CharacterKind::kNumber:
    case CharacterKind::kSuperscript: {
      if (found->what == CharacterKind::kSuperscript) cursor->Push(TokenKind::kOperator, '^', 0);
      MathToken& token = cursor->Push(TokenKind::kNumber, 0, length);
      token.num = found->num;
      token.den = found->den;
      return;
    }
    case CharacterKind::kSpace:
      cursor->Skip(length);
      return;
    case CharacterKind::kDegree:
      cursor->at += length;
      return;
    case CharacterKind::kQuote:
      LexQuote(cursor, found->bytes);
      return;
  }
}

}  // namespace prm
