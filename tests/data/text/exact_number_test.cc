#include "data/text/exact_number.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace prm {
namespace {

TEST(ExactNumber, EqualNumbersHaveOneForm) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"860.0", "860"},
      {"007", "7"},
      {"-0.0", "0"},
      {"+5", "5"},
      {".50", "0.5"},
      {"1,200.50", "1200.5"},
      {"1{,}234{,}567", "1234567"},
      {"1e3", "1000"},
      {"1.5E-3", "0.0015"},
      {"12e+2", "1200"},
      {"3/6", "0.5"},
      {"6 / 3", "2"},
      {"2/6", "1/3"},
      {"-4/6", "-2/3"},
      {"1.5/4.5", "1/3"},
      {"1 1/2", "1.5"},
      {"-1 1/2", "-1.5"},
      {"\\frac{1}{2}", "0.5"},
      {"\\frac12", "0.5"},
      {"\\dfrac{-1}{3}", "-1/3"},
      {"-\\frac{-1}{3}", "1/3"},
      {"2\\frac{1}{3}", "7/3"},
      {"1/8", "0.125"},
      {"123456789012345678901234567890.10", "123456789012345678901234567890.1"},
      {"999999999999999999/999999999999999998", "999999999999999999/999999999999999998"}};
  for (const auto& [text, canonical] : cases) {
    const ExactNumber number = ReadExactNumber(text);
    EXPECT_EQ(number.canonical, canonical) << text;
    EXPECT_EQ(number.length, text.size()) << text;
  }
}

TEST(ExactNumber, StopsWhereTheNumberEnds) {
  const std::vector<std::pair<std::string, size_t>> cases = {
      {"5 apples", 1}, {"1,2", 1},     {"1,2000", 1}, {"1,200,3", 5},        {"5.", 1},
      {"5/x", 1},      {"1e999", 1},   {"2em", 1},    {"3 \\frac{x}{2}", 1}, {"1 2", 1},
      {"1/2/2024", 1}, {"1.5 1/2", 3}, {"x5", 0},     {"\\frac{x}{2}", 0},   {"", 0}};
  for (const auto& [text, length] : cases) {
    EXPECT_EQ(UnsignedNumberLength(text), length) << text;
  }
}

TEST(ExactNumber, WhatHasNoExactValueIsNoNumber) {
  EXPECT_EQ(ReadExactNumber("5/0").length, 0u);
  EXPECT_EQ(ReadExactNumber("\\frac{1}{0.0}").length, 0u);
  EXPECT_EQ(ReadExactNumber("1234567890123456789/7").length, 0u);
  EXPECT_EQ(ReadExactNumber("--5").length, 0u);
}

// The digits of the canonical form, times the denominator, give the numerator followed by zeros.
TEST(ExactNumber, FiniteFractionsAreExact) {
  for (int64_t denominator : {1, 2, 4, 5, 8, 10, 16, 20, 25, 32, 40, 50, 64, 125}) {
    for (int64_t numerator = 0; numerator < 300; ++numerator) {
      const std::string canonical =
          ReadExactNumber(std::to_string(numerator) + "/" + std::to_string(denominator)).canonical;
      std::string digits = canonical;
      std::string zeros;
      if (const size_t point = digits.find('.'); point != std::string::npos) {
        digits.erase(point, 1);
        zeros.assign(digits.size() - point, '0');
      }
      EXPECT_EQ(std::stoll(digits) * denominator, std::stoll(std::to_string(numerator) + zeros))
          << canonical;
      EXPECT_EQ(ReadExactNumber(canonical).canonical, canonical);
    }
  }
}

}  // namespace
}  // namespace prm
