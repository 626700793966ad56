#include "data/similarity/normal_text.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "data/text/hash.h"

namespace prm {
namespace {

TEST(NormalText, OnlyGroupsOfThreeDigitsAreJoined) {
  EXPECT_EQ(NormalText("1,234,567"), "1234567");
  EXPECT_EQ(NormalText("1,2345"), "1 2345");
  EXPECT_EQ(NormalText("1,23"), "1 23");
}

TEST(NormalText, OneFormForTextsThatSayTheSame) {
  const std::vector<std::vector<std::string>> groups = {
      {"so x = 3", "So  x=3.", "So $x = 3$", "so \\(x=3\\)", "SO\tx\n= 3!", "\uff33o x = 3"},
      {"\\frac { 1 } { 2 }", "\\dfrac{1}{2}", "$\\tfrac {1}{2}$"},
      {"2 * 3", "2\u00d73", "2 \\times 3", "2 \\cdot 3", "2\u00b73"},
      {"1200.5 dollars", "1,200.50 dollars", "1{,}200.5 \\text{dollars}"},
      {"x <= 4", "x \\leq 4", "x \u2264 4", "x\\le4"},
      {"x \u2260 4", "x \\neq 4"},
      {"5 - 3", "5 \u2212 3", "5\u20133"},
      {"1 / 2 cup", "\u00bd cup"},
      {"13 1 / 2 cups", "13\u00bd cups", "13 \u00bd cups"},
      {"stra\u00dfe", "STRASSE", "strasse"},
      {"don t", "don't", "don\u2019t"},
      {"( a , b )", "(a, b)"},
  };
  for (const auto& group : groups) {
    const std::string form = NormalText(group.front());
    for (const std::string& text : group) EXPECT_EQ(NormalText(text), form) << text;
  }
}

TEST(NormalText, KeepsWhatChangesTheMeaning) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"x = 3", "x = 4"},  {"x + 1", "x - 1"},     {"{ [", "[ {"},
      {"x^2", "x2"},       {"1,2", "12"},          {"3.5", "35"},
      {"x < 3", "x <= 3"}, {"\\sin x", "\\cos x"}, {"(1,200,3)", "(1200,300)"}};
  for (const auto& [a, b] : pairs) EXPECT_NE(NormalText(a), NormalText(b)) << a << " | " << b;
}

TEST(NormalText, PrimesOfSymbolsStayAndQuotesGo) {
  EXPECT_EQ(NormalText("f'(x)"), "f \u2032 ( x )");
  EXPECT_EQ(NormalText("f''(x)"), "f \u2032 \u2032 ( x )");
  EXPECT_EQ(NormalText("$\\theta' = y\u2032$"), "\\theta \u2032 = y \u2032");
  EXPECT_EQ(NormalText("θ' = 3"), "θ \u2032 = 3");
  EXPECT_EQ(NormalText("Δy' = 3"), "δy \u2032 = 3");
  EXPECT_EQ(NormalText("let's take the boys' choice 'A'"), "let s take the boys choice a");
  EXPECT_EQ(NormalText("5' is long"), "5 is long");
}

TEST(NormalText, TwiceChangesNothing) {
  const std::vector<std::string> pieces = {
      "\\text{", "}",       "{",    "$",      "\\",     "(",      "5",   ",",      "000",
      ".",       "\\dfrac", "A",    "\u00d7", "\u00bd", "<",      "=",   "\u0301", "\u0130",
      "\u1e9e",  " ",       "\xff", "\n",     "%",      "\u2260", "{,}", "\\\\",   "-"};
  std::mt19937 random(3);
  for (int i = 0; i < 30000; ++i) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) text += pieces[random() % pieces.size()];
    const std::string once = NormalText(text);
    EXPECT_EQ(NormalText(once), once) << text;
  }
}

TEST(NormalText, WordsAreWhatSpacesPart) {
  const std::string normal = NormalText("Tom has 3 (red) apples.");
  EXPECT_EQ(NormalWords(normal),
            (std::vector<std::string_view>{"tom", "has", "3", "(", "red", ")", "apples"}));
  EXPECT_TRUE(NormalWords("").empty());
}

TEST(NormalText, MaskedTextsDifferInNumbersAlone) {
  const auto mask = [](std::string_view text) { return MaskNumbers(NormalText(text)); };
  EXPECT_EQ(mask("Tom has 3 apples"), mask("Tom has 1,250.5 apples."));
  EXPECT_NE(mask("Tom has 3 apples"), mask("Tom has 3 pears"));
  EXPECT_NE(mask("3 + 4"), mask("3 - 4"));
}

TEST(NormalText, HashesTellTextsApart) {
  std::set<uint64_t> hashes;
  std::string text;
  for (int i = 0; i < 2000; ++i) {
    hashes.insert(HashText(text));
    text += char('a' + i % 3);
  }
  EXPECT_EQ(hashes.size(), 2000u);
  EXPECT_NE(HashText("a", 1), HashText("a", 2));
  EXPECT_EQ(HashText("3x + 6 = 15"), 12847177968428360447u);  // the same on every machine
}

TEST(NormalText, LongTextsAreReadOnce) {
  for (const std::string piece : {"\\text{", "1,", "{", "\\", "\u00bd", "1,000", ".", "'", "x'"}) {
    std::string text;
    while (text.size() < 2'000'000) text += piece;
    NormalText(text);
  }
}

}  // namespace
}  // namespace prm
