#include "data/math_text/relation.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "data/math_text/math_tokens.h"
#include "data/math_text/relation_finder.h"

namespace prm {
namespace {

std::string SignsIn(std::string_view text) {
  std::vector<MathToken> tokens;
  LexMath(text, &tokens);
  std::string signs;
  for (const MathToken& token : tokens) {
    if (token.kind == TokenKind::kRelation)
      signs += std::string(RelationSign(token.relation)) + " ";
  }
  return signs;
}

TEST(Relation, EveryWayToWriteASignIsItsRelation) {
  EXPECT_EQ(SignsIn("1 = 1 == 1 := 1 ~ 1 < 1 > 1 <= 1 >= 1 != 2"), "= = = ~ < > <= >= != ");
  EXPECT_EQ(SignsIn("1 ≈ 1 ≅ 1 ≤ 1 ≥ 1 ≠ 2"), "~ ~ <= >= != ");
  EXPECT_EQ(SignsIn("$1 \\approx 1 \\lt 2 \\gt 1 \\le 1 \\leq 1 \\ge 1 \\geq 1 \\ne 2 \\neq 3$"),
            "~ < > <= <= >= >= != != ");
}

TEST(Relation, HoldsAsItsSignSays) {
  const auto holds = [](Relation relation) {
    return std::vector<bool>{Holds(relation, true, false), Holds(relation, false, true),
                             Holds(relation, false, false)};  // less, equal, greater
  };
  EXPECT_EQ(holds(Relation::kEqual), (std::vector<bool>{false, true, false}));
  EXPECT_EQ(holds(Relation::kLess), (std::vector<bool>{true, false, false}));
  EXPECT_EQ(holds(Relation::kGreater), (std::vector<bool>{false, false, true}));
  EXPECT_EQ(holds(Relation::kLessEqual), (std::vector<bool>{true, true, false}));
  EXPECT_EQ(holds(Relation::kGreaterEqual), (std::vector<bool>{false, true, true}));
  EXPECT_EQ(holds(Relation::kUnequal), (std::vector<bool>{true, false, true}));
}

TEST(Relation, PastTheirNumberNoneIsLookedFor) {
  std::vector<MathToken> tokens;
  std::vector<FoundRelation> relations;
  LexMath("1 = 1, 2 = 2, 3 equals 3", &tokens);
  EXPECT_TRUE(FindRelations("1 = 1, 2 = 2, 3 equals 3", 3, &tokens, &relations));
  EXPECT_EQ(relations.size(), 3u);
  EXPECT_FALSE(FindRelations("1 = 1, 2 = 2, 3 equals 3", 2, &tokens, &relations));
  EXPECT_TRUE(relations.empty());
}

}  // namespace
}  // namespace prm
