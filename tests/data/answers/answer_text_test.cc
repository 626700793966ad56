#include "data/answers/answer_text.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "data/text/ascii.h"

namespace prm {
namespace {

TEST(AnswerText, MarksAreReplacedAndTextIsKept) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\\text{a \\textbf{b} c}", "a b c"},
      {"5\\text{cm}", "5 cm"},
      {"\\left( 1,\\;2 \\right)", "( 1, 2 )"},
      {"\\leftarrow x", "\\leftarrow x"},
      {"\\dfrac{1}{2}", "\\frac{1}{2}"},
      {"{a}\\text{b}{c}", "{a}b{c}"},
      {"\\text{open", "open"},
      {"a}", "a}"},
      {"50\\%", "50%"},
      {"1,\\!200", "1,200"},
      {"\\$5", "5"},
      {"a\n\t b", "a b"},
      {"\\{1\\}", "\\{1\\}"},
      {"\\", ""},
      {"caf\u00e9", "caf\u00e9"}};
  for (const auto& [text, stripped] : cases) EXPECT_EQ(StripMarks(text), stripped) << text;
}

TEST(AnswerText, UnitsAreWordsThatDoNotChangeTheNumber) {
  for (const char* unit : {"", " km", "km", "%", "% of the total", " miles per hour", " m^2",
                           "cm^3", " times a week", " square meters", " km/h", " C"}) {
    EXPECT_TRUE(IsUnit(unit)) << unit;
  }
  for (const char* other : {"x", " x", " million", " or 6", "%5", " + 1", "!", " pm", ":30", ", 6",
                            " a", " of 10", " one two three four five six seven"}) {
    EXPECT_FALSE(IsUnit(other)) << other;
  }
}

TEST(AnswerText, SpaceAndCaseAreAscii) {
  EXPECT_EQ(TrimSpace(" \t\r\n a b \f"), "a b");
  EXPECT_EQ(TrimSpace(" \n"), "");
  EXPECT_EQ(ToLower("AbZ\u00c4"), "abz\u00c4");
}

}  // namespace
}  // namespace prm
