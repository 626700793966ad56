// Expressions from tokens.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "data/algebra/expression.h"
#include "data/math_text/math_token.h"
#include "data/math_text/verdict.h"

namespace prm {

// Ways to read what writers leave open.
enum Reading : uint8_t {
  kReadMixedAsProduct = 1,     // 2 1/3 is 2/3
  kReadPercentAsNumber = 2,    // 15% is 15
  kReadJuxtaposedFirst = 4,    // 1/2x is 1/(2x), 6/2 x 10^8 is 6/(2 x 10^8)
  kReadDivisionFromRight = 8,  // 14/1/4 is 14/(1/4)
  kReadBracketAsRemark = 16,   // 25 (30 - 5) is 25
};
inline constexpr int kNumReadings = 32;

// What was seen on the way.
struct ExpressionTraits {
  uint8_t ambiguities = 0;    // readings that change the tree
  bool has_operator = false;  // else one number or symbol, perhaps signed
  bool has_symbol = false;
  bool has_root = false;
  bool has_percent = false;
  bool has_decimal = false;
  bool has_unit_word = false;  // any word behind a number
  uint64_t units = 0;          // bit UnitId of the units of the table
  int shown_decimals = -1;     // of a lone number; -1: not a lone number
  int operations = 0;          // + - * / ^ ! written
};

struct ParsedExpression {
  int root = -1;  // -1: outside the grammar, see `reason`
  Reason reason = Reason::kUnread;
  ExpressionTraits traits;
};

// Reads all of `tokens` as one expression under `reading`, a set of Reading bits. Words are skipped
// behind an operand. Nodes are added to *arena. Nesting past 64, more than 400 tokens or a number
// of more digits than Fraction holds is kTooBig.
// Source: Pratt 1973, "Top down operator precedence", POPL.
ParsedExpression ParseMath(std::string_view text, std::span<const MathToken> tokens,
                           uint8_t reading, SymbolTable* symbols, ExpressionArena* arena);

}  // namespace prm
