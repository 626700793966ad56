// Tables of mathematical signs and LaTeX commands.
#pragma once

#include <cstdint>
#include <string_view>

#include "data/math_text/math_token.h"

namespace prm {

// The kind of an ASCII sign that is a token by itself; kUnknown for all others.
TokenKind KindOfSign(char c);

enum class CharacterKind : uint8_t { kToken, kNumber, kSuperscript, kSpace, kQuote, kDegree };

struct MathCharacter {
  std::string_view bytes;
  CharacterKind what = CharacterKind::kToken;
  TokenKind kind = TokenKind::kUnknown;  // kToken
  char op = 0;
  MathCommand command = MathCommand::kNone;
  Relation relation = Relation::kEqual;
  uint8_t num = 0;  // kNumber, kSuperscript
  uint8_t den = 1;
};

// The sign that `text` starts with; nullptr for a letter or an unknown character.
const MathCharacter* FindMathCharacter(std::string_view text);

enum class LatexKind : uint8_t {
  kToken,
  kSpace,        // changes only the look
  kText,         // its braces enclose prose
  kTransparent,  // its braces enclose a formula
  kBegin,
  kEnd,
  kDegree,
};

struct LatexCommand {
  std::string_view name;
  LatexKind what = LatexKind::kToken;
  TokenKind kind = TokenKind::kUnknown;  // kToken
  char op = 0;
  MathCommand command = MathCommand::kNone;
  Relation relation = Relation::kEqual;
};

// `name` is without its backslash; returns nullptr if it is unknown.
const LatexCommand* FindLatexCommand(std::string_view name);

}  // namespace prm
