#include "data/synth/expression.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "data/error.h"
#include "tests/error_of.h"

namespace prm {
namespace {

std::string Text(std::string_view formula, const Values& values) {
  const Expression expression = ParseExpression(formula);
  return Render(expression, values, {}) + " = " + ToText(*Evaluate(expression, values));
}

TEST(SynthExpression, ProductsBindTighterAndLeftComesFirst) {
  EXPECT_EQ(Text("2 + 3 * 4", {}), "2 + 3 × 4 = 14");
  EXPECT_EQ(Text("(2 + 3) * 4", {}), "(2 + 3) × 4 = 20");
  EXPECT_EQ(Text("10 - 4 - 3", {}), "10 - 4 - 3 = 3");
  EXPECT_EQ(Text("10 - (4 - 3)", {}), "10 - (4 - 3) = 9");
  EXPECT_EQ(Text("48 / 4 / 3", {}), "48 ÷ 4 ÷ 3 = 4");
}

TEST(SynthExpression, ArithmeticIsExact) {
  EXPECT_EQ(Text("1 / 3 + 1 / 6", {}), "1 ÷ 3 + 1 ÷ 6 = 0.5");
  EXPECT_EQ(Text("82 / 7", {}), "82 ÷ 7 = 82/7");
  EXPECT_EQ(Text("a - b", {{"a", {1, 1}}, {"b", {9, 8}}}), "1 - 1.125 = -0.125");
  EXPECT_EQ(Text("a * b", {{"a", {-3, 1}}, {"b", {2, 3}}}), "(-3) × (2/3) = -2");
}

TEST(SynthExpression, DivisionByZeroHasNoValue) {
  EXPECT_FALSE(Evaluate(ParseExpression("4 / (a - 2)"), {{"a", {2, 1}}}));
}

TEST(SynthExpression, OverflowIsAnErrorNotAWrongNumber) {
  const Values values = {{"a", {INT64_MAX, 1}}};
  EXPECT_THROW(Evaluate(ParseExpression("a + 1"), values), Error);
  EXPECT_THROW(Evaluate(ParseExpression("a * 2"), values), Error);
}

TEST(SynthExpression, WhatCannotBeReadIsRefusedWithItsPlace) {
  for (const std::string_view bad : {"", "2 +", "(3", "3)", "4 $ 2"}) {
    const std::string message = MessageOf([&] { ParseExpression(bad); });
    EXPECT_NE(message.find("offset"), std::string::npos) << bad << ": " << message;
  }
  EXPECT_THROW(Evaluate(ParseExpression("b"), {{"a", {1, 1}}}), Error);
}

TEST(SynthExpression, DependenceReachesEveryLeaf) {
  const Expression expression = ParseExpression("2 * (a + b) - c");
  EXPECT_TRUE(DependsOn(expression, "b"));
  EXPECT_FALSE(DependsOn(expression, "d"));
}

}  // namespace
}  // namespace prm
