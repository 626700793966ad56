// Two expressions without variables: equal, rounded, unequal under every reading.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "data/algebra/expression_parser.h"
#include "data/math_text/relation.h"
#include "data/math_text/verdict.h"

namespace prm {

struct ClosedPair {
  std::string_view text;
  std::span<const MathToken> left_tokens;
  std::span<const MathToken> right_tokens;
  // Of the first reading, in the arena.
  ParsedExpression left;
  ParsedExpression right;
  const FoundRelation* relation = nullptr;  // not null
  // Behind the right side to the end of the sentence and the next one, for "1 left".
  std::span<const MathToken> rest;
};

// kRefuted says that every reading fails; whether that may be said is the caller's matter (borders,
// questions, negations).
struct ClosedResult {
  Verdict verdict = Verdict::kNotChecked;
  Reason reason = Reason::kUnread;
  std::string left_value;  // where `describe`
  std::string right_value;
  // Both values lie between 0 and 1 and the left one is a sum, a difference or a product: they may
  // be shares of the same thing.
  bool may_be_shares = false;
};

ClosedResult CheckClosed(const ClosedPair& pair, bool describe, SymbolTable* symbols,
                         ExpressionArena* arena);

}  // namespace prm
