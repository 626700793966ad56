#include "data/math_text/lex_latex.h"

#include <string_view>

#include "data/math_text/math_characters.h"
#include "data/math_text/vocabulary.h"

namespace prm {
namespace {

// ^\circ and ^{\circ} are units like "degrees"; they are dropped with the power sign.
void PushDegree(MathCursor* cursor, size_t length) {
  const MathToken* last = cursor->Last();
  bool braced = false;
  if (last != nullptr && last->kind == TokenKind::kOpen && last->op == '{') {
    cursor->tokens.pop_back();
    --cursor->depth;
    braced = true;
    last = cursor->Last();
  }
  if (last == nullptr || last->kind != TokenKind::kOperator || last->op != '^') {
    cursor->Push(TokenKind::kUnknown, 0, length);
    return;
  }
  cursor->tokens.pop_back();
  cursor->at += length;
  while (braced && IsMathSpace(cursor->Peek())) ++cursor->at;
  if (braced && cursor->Peek() == '}') ++cursor->at;
}

// Rows of aligned equations are lines; tables, matrices and cases are outside the grammar.
void LexEnvironment(MathCursor* cursor, size_t length) {
  constexpr size_t kLongestName = 24;
  const std::string_view braced = cursor->Rest(length).substr(0, kLongestName);
  const size_t close = braced.starts_with('{') ? braced.find('}') : braced.npos;
  if (close == braced.npos) {
    cursor->Push(TokenKind::kUnknown, 0, length);
    return;
  }
  const std::string_view name = braced.substr(1, close - 1);
  const bool rows = name.starts_with("align") || name.starts_with("equation") ||
                    name.starts_with("gather") || name.starts_with("split");
  cursor->Push(rows ? TokenKind::kNewline : TokenKind::kUnknown, 0, length + close + 1);
}

// A backslash before a sign.
void LexEscaped(MathCursor* cursor, char next) {
  switch (next) {
    case '(':
    case '[':
      cursor->Push(TokenKind::kRegionOpen, 0, 2);
      cursor->region = MathRegion::kBracket;
      return;
    case ')':
    case ']':
      cursor->region = MathRegion::kProse;
      cursor->Push(TokenKind::kRegionClose, 0, 2);
      return;
    case '\\':
      cursor->Push(TokenKind::kNewline, 0, 2);
      return;
    case '%':
      cursor->Push(TokenKind::kPercent, 0, 2);
      return;
    case '$':
      cursor->Push(TokenKind::kCurrency, 0, 2);
      return;
    case ',':
    case ';':
    case ':':
    case '!':
    case ' ':
      cursor->Skip(2);
      return;
    default:
      cursor->Push(TokenKind::kUnknown, 0, next == '\0' ? 1 : 2);
  }
}

}  // namespace

void LexLatex(MathCursor* cursor) {
  const char next = cursor->Peek(1);
  if (!IsLetter(next)) {
    LexEscaped(cursor, next);
    return;
  }
  size_t length = 1;
  while (IsLetter(cursor->Peek(length))) ++length;
  const std::string_view name = cursor->text.substr(cursor->at + 1, length - 1);
  const LatexCommand* latex = FindLatexCommand(name);
  if (latex == nullptr) {
    MathToken& token = cursor->Push(TokenKind::kUnknown, 0, length);
    token.word = LookUpWord(name);
    return;
  }
  switch (latex->what) {
    case LatexKind::kToken:
      if (latex->kind == TokenKind::kSymbol) {
        cursor->PushSymbol(length);
      } else {
        MathToken& token = cursor->Push(latex->kind, latex->op, length);
        token.command = latex->command;
        token.relation = latex->relation;
      }
      return;
    case LatexKind::kSpace:
      cursor->at += length;
      if (cursor->Peek() == '.') ++cursor->at;  // \right.
      return;
    case LatexKind::kText:
    case LatexKind::kTransparent:
      cursor->at += length;
      if (cursor->Peek() == '{') {
        ++cursor->at;
        cursor->dropped.emplace_back(cursor->depth, latex->what == LatexKind::kText);
        ++cursor->depth;
      }
      return;
    case LatexKind::kDegree:
      PushDegree(cursor, length);
      return;
    case LatexKind::kBegin:
    case LatexKind::kEnd:
      LexEnvironment(cursor, length);
      return;
  }
}

}  // namespace prm
