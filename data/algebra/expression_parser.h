// Parses tokens into expressions.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "data/algebra/expression.h"
#include "data/math_text/math_token.h"
#include "data/math_text/verdict.h"

namespace prm {

// Alternative readings of ambiguous notation.
enum Reading : uint8_t {
  kReadMixedAsProduct = 1,     // 2 1/3 is 2/3
  kReadPercentAsNumber = 2,    // 15% is 15
  kReadJuxtaposedFirst = 4,    // 1/2x is 1/(2x), 6/2 x 10^8 is 6/(2 x 10^8)
  kReadDivisionFromRight = 8,  // 14/1/4 is 14/(1/4)
  kReadBracketAsRemark = 16,   // 25 (30 - 5) is 25
};
inline constexpr int kNumReadings = 32;

// Properties observed while parsing.
struct ExpressionTraits {
  uint8_t ambiguities = 0;    // readings that change the tree
  bool has_operator = false;  // false: a single number or symbol, possibly signed
  bool has_symbol = false;
  bool has_root = false;
  bool has_percent = false;
  bool has_decimal = false;
  bool has_unit_word = false;  // a word after a number
  uint64_t units = 0;          // bit UnitId for each unit of the table
  int shown_decimals = -1;     // of a single number; -1: not a single number
  int operations = 0;          // number of + - * / ^ ! written
};

struct ParsedExpression {
  int root = -1;  // -1: outside the grammar; see `reason`
  Reason reason = Reason::kUnread;
  ExpressionTraits traits;
};

// Parses all `tokens` as one expression under `reading`, a set of Reading bits. Words after an
// operand are skipped. Nodes are added to *arena. Returns kTooBig for nesting over 64, more than
// 400 tokens or a number with more digits than Fraction holds. Source: Pratt 1973, "Top down
// operator precedence", POPL.
ParsedExpression ParseMath(std::string_view text, std::span<const MathToken> tokens,
                           uint8_t reading, SymbolTable* symbols, ExpressionArena* arena);

}  // namespace prm
