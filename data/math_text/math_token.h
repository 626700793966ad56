// A token of prose with mathematics in it.
#pragma once

#include <cstdint>

#include "data/math_text/vocabulary.h"

namespace prm {

enum class TokenKind : uint8_t {
  kNumber,
  kSymbol,  // a variable: x, a_1, \alpha
  kWord,
  kOperator,  // op: + - * / ^ !
  kPercent,
  kCurrency,  // $, the pound and euro signs
  kOpen,      // op: ( [ {
  kClose,     // op: ) ] }
  kCommand,   // see MathCommand
  kRelation,  // see Relation
  kComma,
  kStop,  // a full stop, semicolon, arrow: ends a sentence
  kColon,
  kQuestion,
  kNewline,
  kRegionOpen,  // $ \( \[ <<, and \begin{align}
  kRegionClose,
  kClock,    // 7:50
  kRatio,    // 3:2
  kUnknown,  // outside the grammar
};

// What a relation sign states about its two sides.
enum class Relation : uint8_t {
  kEqual,
  kAbout,
  kLess,
  kGreater,
  kLessEqual,
  kGreaterEqual,
  kUnequal,
};

enum class MathCommand : uint8_t { kNone, kFraction, kRoot, kBinomial, kChoose };

// The text of a token is text[begin, end) of the lexed text.
struct MathToken {
  TokenKind kind = TokenKind::kUnknown;
  char op = 0;
  Relation relation = Relation::kEqual;  // of a kRelation
  MathCommand command = MathCommand::kNone;
  bool space_before = false;
  bool in_region = false;  // between math delimiters
  uint8_t decimals = 0;    // of a number, capped at 255
  // Value of a single character such as a vulgar fraction (one half) or superscript; else den 0.
  uint8_t num = 0;
  uint8_t den = 0;
  WordInfo word = {};
  uint32_t begin = 0;
  uint32_t end = 0;
};

}  // namespace prm
