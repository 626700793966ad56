#include "data/symbolic/relation_sides.h"

namespace prm {
namespace {

ParsedExpression Read(const TokenView& step, std::span<const MathToken> tokens, uint8_t reading,
                      ExpressionArena* arena, Workspace* workspace) {
  constexpr int64_t kCostOfToken = 80;
  constexpr int64_t kSquareOfByteCost = 64;
  // The cost of a long number grows with the square of its digits.
  const int64_t bytes = tokens.empty() ? 0 : tokens.back().end - tokens.front().begin;
  workspace->work.Spend(kCostOfToken * int64_t(tokens.size()) + bytes * bytes / kSquareOfByteCost);
  return ParseMath(step.text, tokens, reading, &workspace->symbols, arena);
}

}  // namespace

int ShownDecimals(const ExpressionTraits& side, uint8_t reading) {
  if (side.shown_decimals < 0) return -1;
  const bool hundredths = side.has_percent && (reading & kReadPercentAsNumber) == 0;
  return side.shown_decimals + (hundredths ? 2 : 0);
}

RelationSides ReadSides(const TokenView& step, const FoundRelation& found, ExpressionArena* arena,
                        Workspace* workspace) {
  arena->Clear();
  const auto read = [&](TokenRange range) {
    const auto tokens = step.tokens.subspan(range.first, range.last - range.first);
    return Side{tokens, Read(step, tokens, 0, arena, workspace)};
  };
  Side left = read(found.left);
  Side right = read(found.right);
  return {step, found, *arena, left, right};
}

ParsedExpression ReadAgain(const TokenView& step, std::span<const MathToken> tokens,
                           uint8_t reading, Workspace* workspace) {
  return Read(step, tokens, reading, &workspace->scratch, workspace);
}

}  // namespace prm
