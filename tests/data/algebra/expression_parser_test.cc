#include "data/algebra/expression_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "data/algebra/evaluate.h"
#include "data/math_text/math_tokens.h"
#include "data/math_text/verdict.h"

namespace prm {
namespace {

struct Parsed {
  std::string form;
  std::string value;  // exact or symbolic, "?" for neither
};

Parsed Parse(std::string_view text, uint8_t reading = 0) {
  std::vector<MathToken> tokens;
  LexMath(text, &tokens);
  SymbolTable symbols;
  ExpressionArena arena;
  const ParsedExpression parsed = ParseMath(text, tokens, reading, &symbols, &arena);
  if (parsed.root < 0) return {"", std::string(ReasonName(parsed.reason))};
  Parsed result{ExpressionToText(arena, parsed.root, symbols), "?"};
  Fraction exact;
  RationalFunction function;
  WorkBudget work;
  if (EvaluateExact(arena, parsed.root, &exact, &work) == EvalStatus::kOk) {
    result.value = exact.ToText();
  } else if (EvaluateSymbolic(arena, parsed.root, &symbols, &function, &work) == EvalStatus::kOk) {
    const bool whole = function.den.IsConstant();
    const Fraction scale = whole ? Fraction(1) / function.den.ConstantTerm() : Fraction(1);
    result.value = function.num.Scaled(scale, &work).ToText(symbols);
    if (!whole) result.value += " over " + function.den.ToText(symbols);
  }
  return result;
}

TEST(ExpressionParser, OperatorsBindAsInWriting) {
  EXPECT_EQ(Parse("2 + 3*4^2").value, "50");
  EXPECT_EQ(Parse("-2^2").value, "-4");
  EXPECT_EQ(Parse("2^3^2").value, "512");
  EXPECT_EQ(Parse("10 - 4 - 3").value, "3");
  EXPECT_EQ(Parse("100/10/2").value, "5");
  EXPECT_EQ(Parse("2*-3").value, "-6");
  EXPECT_EQ(Parse("2(3)(4)").value, "24");
  EXPECT_EQ(Parse("3! + 4").value, "10");
  EXPECT_EQ(Parse("12 divided by 4 plus 1").value, "4");
}

TEST(ExpressionParser, NumbersAreExact) {
  EXPECT_EQ(Parse("1,200.50").value, "2401/2");
  EXPECT_EQ(Parse(".5 + 1{,}000").value, "2001/2");
  EXPECT_EQ(Parse("$3 + 20%").value, "16/5");
  EXPECT_EQ(Parse("0.1 + 0.2").value, "3/10");
  EXPECT_EQ(Parse("99999999999999999999 + 1").value, "100000000000000000000");
}

TEST(ExpressionParser, LatexIsRead) {
  EXPECT_EQ(Parse("\\frac{1}{2} + \\dfrac34").value, "5/4");
  EXPECT_EQ(Parse("\\sqrt{16} \\cdot \\sqrt[3]{27}").value, "12");
  EXPECT_EQ(Parse("\\binom{5}{2}").value, "10");
  EXPECT_EQ(Parse("{14 \\choose 4}").value, "1001");
  EXPECT_EQ(Parse("\\left(1+2\\right) \\times \\text{three}").value, "words");
}

TEST(ExpressionParser, OpenReadingsChangeTheValue) {
  EXPECT_EQ(Parse("2 1/3").value, "7/3");
  EXPECT_EQ(Parse("2 1/3", kReadMixedAsProduct).value, "2/3");
  EXPECT_EQ(Parse("15%", kReadPercentAsNumber).value, "15");
  EXPECT_EQ(Parse("1/2(3)", kReadJuxtaposedFirst).value, "1/6");
  EXPECT_EQ(Parse("14/1/4", kReadDivisionFromRight).value, "56");
}

TEST(ExpressionParser, FunctionsOfVariables) {
  EXPECT_EQ(Parse("(x+1)(x-1)").value, "x^2 - 1");
  EXPECT_EQ(Parse("2x/4").value, "1/2*x");
  EXPECT_EQ(Parse("1/(x+1)").value, "1 over x + 1");
  EXPECT_EQ(Parse("f(0) + 1").value, "function");
  EXPECT_EQ(Parse("(x + 1)*2").form, "(x + 1)*2");
}

TEST(ExpressionParser, WhatIsOutsideTheGrammarIsSaid) {
  EXPECT_EQ(Parse("3 # 4").value, "unread");
  EXPECT_EQ(Parse("3 +").value, "unread");
  EXPECT_EQ(Parse("(3, 4)").value, "unread");
  EXPECT_EQ(Parse(std::string(100, '(') + "1").value, "too_big");
  EXPECT_EQ(Parse("1" + std::string(15000, '+') + "1").value, "too_big");
}

}  // namespace
}  // namespace prm
