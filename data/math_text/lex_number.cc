#include "data/math_text/lex_number.h"

#include <algorithm>

#include "data/math_text/math_shapes.h"

namespace prm {

void LexNumber(MathCursor* cursor) {
  bool odd = false;
  size_t length = DigitGroupsLength(cursor->Rest(), &odd);
  size_t decimals = 0;
  if (cursor->Peek(length) == '.' && IsDigit(cursor->Peek(length + 1))) {
    while (IsDigit(cursor->Peek(length + 1 + decimals))) ++decimals;
    length += 1 + decimals;
    if (cursor->Peek(length) == '.' && IsDigit(cursor->Peek(length + 1))) odd = true;  // 1.2.3
  }
  if (const size_t tail = ClockTailLength(cursor->Rest(length)); tail > 0) {
    cursor->Push(tail == 2 ? TokenKind::kRatio : TokenKind::kClock, 0, length + tail);
    return;
  }
  const std::string_view after = cursor->Rest(length);
  if (IsOrdinalSuffix(after)) {
    cursor->Push(TokenKind::kUnknown, 0, length + 2);
    return;
  }
  // A numeral in a base, or a footnote mark.
  if (after.starts_with("_")) odd = true;
  MathToken& token = cursor->Push(odd ? TokenKind::kUnknown : TokenKind::kNumber, 0, length);
  token.decimals = uint8_t(std::min<size_t>(decimals, 255));
}

}  // namespace prm
