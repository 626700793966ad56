#include "data/similarity/exact_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "data/similarity/normal_text.h"

namespace prm {
namespace {

TEST(ExactText, KeepsApartWhatSaysOtherThings) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"2³", "23"},
      {"x²", "x2"},
      {"2ⁿ", "2n"},
      {"x⁻¹", "x-1"},
      {"x₁", "x1"},
      {"10₂", "102"},
      {"5①", "51"},
      {"5 ㎡", "5 m2"},
      {"½", "12"},
      {"n!", "n"},
      {"n!!", "n!"},
      {"(n+1)!", "(n+1)"},
      {"5! = 120", "5 = 120"},
      {"a != b", "a = b"},
      {"a ≠ b", "a = b"},
      {"5'", "5''"},
      {"5'", "5"},
      {"5\"", "5'"},
      {"5”", "5"},
      {"f’(x)", "f(x)"},
      {"f''(x)", "f'(x)"},
      {"−5", "5"},
      {"x < 3", "x > 3"},
      {"5%", "5"},
      {"$5", "5"},
      {"\\$5", "5"},
      {"costs $5 and $6", "costs 5 and 6"},
      {"Let N = 3", "Let n = 3"},
      {"P(A)", "P(a)"},
      {"5 MW", "5 mW"},
      {"Δx", "δx"},
      {"Ω", "ω"},
      {"2:3", "2 3"},
      {"1, 2, ..., 9", "1, 2, 9"},
      {"1+2+…+100", "1+2+100"},
      {"1, \\ldots, 9", "1, 9"},
      {"~p", "p"},
      {"2\u20623", "23"},
      {"\\mathbf{x}", "x"},
      {"\\|x\\|", "|x|"},
      {"(1,200)", "(1200)"},
      {"[1, 2)", "(1, 2]"},
  };
  for (const auto& [a, b] : pairs) EXPECT_NE(ExactText(a), ExactText(b)) << a << " | " << b;
}

TEST(ExactText, OneFormForTextsThatAreWrittenInOtherWays) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"x²", "x^2"},
      {"x⁻¹", "x^{-1}"},
      {"x₁", "x_1"},
      {"So $x = 3$.", "so x = 3"},
      {"$5 + 3 = 8$", "5 + 3 = 8"},
      {"$5$ and $6$", "5 and 6"},
      {"don't", "don’t"},
      {"\uff11\uff12", "12"},
      {"1,200 m", "1200 m"},
      {"He says “five”.", "he says \"five\""},
      {"he said \"it is 5\"", "he said it is 5"},
      {"the digit '5' is", "the digit 5 is"},
      {"A train", "a train"},
      {"I have 3.", "i have 3"},
      {"Great! So 5.", "great so 5"},
      {"So... we get", "so we get"},
      {"5~kg", "5 kg"},
      {"\\dfrac{1}{2}", "\\frac{1}{2}"},
      {"1/2 cup", "½ cup"},
      {"x ≤ 4", "x \\leq 4"},
      {"5′", "5'"},
      {"n! = 6", "n ! = 6"},
  };
  for (const auto& [a, b] : pairs) EXPECT_EQ(ExactText(a), ExactText(b)) << a << " | " << b;
}

TEST(ExactText, SignsAreWordsOfTheirOwn) {
  const std::string exact = ExactText("2³ < n! and N ≠ 5'");
  std::vector<std::string> signs;
  for (const std::string_view word : NormalWords(exact)) {
    if (IsSign(word)) signs.emplace_back(word);
  }
  EXPECT_EQ(signs.size(), 6u) << exact;
}

TEST(ExactText, LongTextsAndBytesThatAreNoTextAreReadOnce) {
  for (const std::string piece : {"²", "'", "\"", "$5", "!", "...", "~", "\\", "M", "5:", "\xff"}) {
    std::string text;
    while (text.size() < 1'000'000) text += piece;
    ExactText(text);
  }
}

}  // namespace
}  // namespace prm
