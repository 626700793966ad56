// The two sides of a relation as expressions.
#pragma once

#include <cstdint>
#include <span>

#include "data/algebra/expression.h"
#include "data/algebra/expression_parser.h"
#include "data/algebra/work_budget.h"
#include "data/math_text/relation.h"
#include "data/math_text/sentence_cues.h"

namespace prm {

// Resources of parsing and calculating.
struct Workspace {
  SymbolTable symbols;      // of the trace
  ExpressionArena scratch;  // trees of other readings; cleared for the next one
  WorkBudget work;          // of the step
};

struct Side {
  std::span<const MathToken> tokens;
  ParsedExpression parsed;
};

// Parsed once; the checks do not modify it.
struct RelationSides {
  TokenView step;
  const FoundRelation& found;
  const ExpressionArena& arena;  // the trees of both
  Side left;
  Side right;

  // "about", "rounded", or a sign with that meaning.
  bool SaysAbout() const { return found.cues.about || found.relation == Relation::kAbout; }
  bool Parsed() const { return left.parsed.root >= 0 && right.parsed.root >= 0; }
};

// Decimals that the side shows under `reading`; a single whole percentage shows two. Negative if
// the side is more than one number.
int ShownDecimals(const ExpressionTraits& side, uint8_t reading = 0);

// The sides of `found`, neither of which is empty, in the first reading. Clears *arena first.
// Throws WorkBudget::Exceeded.
RelationSides ReadSides(const TokenView& step, const FoundRelation& found, ExpressionArena* arena,
                        Workspace* workspace);

// Parses a side in another reading, a set of Reading bits; adds its tree to workspace->scratch.
// Throws WorkBudget::Exceeded.
ParsedExpression ReadAgain(const TokenView& step, std::span<const MathToken> tokens,
                           uint8_t reading, Workspace* workspace);

}  // namespace prm
