#include "data/math_text/math_cursor.h"

#include "data/math_text/math_shapes.h"

namespace prm {

bool MathCursor::AfterOperand() const {
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

MathToken& MathCursor::Push(TokenKind kind, char op, size_t length) {
  MathToken& token = tokens.emplace_back();
  token.kind = kind;
  token.op = op;
  token.space_before = space;
  token.in_region = !InProse();
  token.begin = uint32_t(at);
  at += length;
  token.end = uint32_t(at);
  space = false;
  return token;
}

void MathCursor::PushSymbol(size_t length) {
  length += SubscriptLength(Rest(length));
  while (Peek(length) == '\'') ++length;
  Push(TokenKind::kSymbol, 0, length);
}

}  // namespace prm
