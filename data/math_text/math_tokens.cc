#include "data/math_text/math_tokens.h"

#include <utility>

#include "data/math_text/lex_latex.h"
#include "data/math_text/lex_number.h"
#include "data/math_text/lex_sign.h"
#include "data/math_text/lex_word.h"
#include "data/math_text/math_cursor.h"
#include "data/math_text/math_shapes.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

void SkipListMarker(MathCursor* cursor) {
  const size_t length = ListMarkerLength(cursor->Rest());
  cursor->at += length;
  cursor->space |= length > 0;
}

// Lexes from the cursor to the end of its text.
void LexRest(MathCursor* cursor) {
  SkipListMarker(cursor);
  while (cursor->at < cursor->text.size()) {
    const char c = cursor->Peek();
    if (IsMathSpace(c)) {
      cursor->Skip(1);
    } else if (c == '\n') {
      cursor->Push(TokenKind::kNewline, 0, 1);
      SkipListMarker(cursor);
    } else if (IsDigit(c) || (c == '.' && IsDigit(cursor->Peek(1)))) {
      LexNumber(cursor);
    } else if (IsLetter(c)) {
      LexWord(cursor);
    } else if (c == '\\') {
      LexLatex(cursor);
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      LexBeyondAscii(cursor);
    } else {
      LexSign(cursor);
    }
  }
}

}  // namespace

void LexMath(std::string_view text, std::vector<MathToken>* tokens) {
  tokens->clear();
  MathCursor cursor{text, *tokens};
  LexRest(&cursor);
  // Marks inside marks are not read.
  const auto annotations = std::move(cursor.annotations);
  for (const auto& [begin, end] : annotations) {
    cursor.at = begin;
    cursor.region = MathRegion::kProse;
    cursor.Push(TokenKind::kRegionOpen, 0, 0);
    cursor.region = MathRegion::kAnnotation;
    cursor.text = text.substr(0, end);
    LexRest(&cursor);
    cursor.region = MathRegion::kProse;
    cursor.Push(TokenKind::kRegionClose, 0, 0);
  }
}

}  // namespace prm
