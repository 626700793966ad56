#include "data/answers/answers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

#include "data/records/rerank_file.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

TEST(Answers, AreFoundWhereTheSolutionAnnouncesThem) {
  const std::vector<std::tuple<std::string, std::string, AnswerSource>> cases = {
      {"So \\(\\boxed{20}\\) dollars.", "20", AnswerSource::kBoxed},
      {"\\boxed{\\frac{1}{\\sqrt{2}}}", "\\frac{1}{\\sqrt{2}}", AnswerSource::kBoxed},
      {"First \\boxed{1}, then \\boxed {2}.", "2", AnswerSource::kBoxed},
      {"\\boxed{\\{1, 2\\}} is the set", "\\{1, 2\\}", AnswerSource::kBoxed},
      {"\\fbox{7}", "7", AnswerSource::kBoxed},
      {"The answer is 3 and \\boxed{4", "3 and \\boxed{4", AnswerSource::kAnswerIs},
      {"\\boxed{} The answer is 5.", "5", AnswerSource::kAnswerIs},
      {"The final ANSWER is: $12.50. Done.", "$12.50", AnswerSource::kAnswerIs},
      {"**Answer:** 42 km", "42 km", AnswerSource::kAnswerIs},
      {"Answer:\n17", "17", AnswerSource::kAnswerIs},
      {"The answer = 9", "9", AnswerSource::kAnswerIs},
      {"The answer is 1. No, the answer is **2**.", "2", AnswerSource::kAnswerIs},
      {"3 + 4 = 7\n#### 7", "7", AnswerSource::kHashes},
      {"##### 3. Heading", "3", AnswerSource::kLastNumber},
      {"#### Step 4\nWe have 6 left", "6", AnswerSource::kLastNumber},
      {"So he has 1,200 apples left.", "1,200", AnswerSource::kLastNumber},
      {"It is 5 - 3 = -2", "-2", AnswerSource::kLastNumber},
      {"A difference of 5-3", "3", AnswerSource::kLastNumber},
      {"That makes 12.5%.", "12.5%", AnswerSource::kLastNumber},
      {"We get 7 = x^2", "7", AnswerSource::kLastNumber},
      {"The share is \\frac{3}{4}.", "\\frac{3}{4}", AnswerSource::kLastNumber},
      {"The answer issue of 8", "8", AnswerSource::kLastNumber},
      {"A: 120", "120", AnswerSource::kLastNumber}};
  for (const auto& [text, answer, source] : cases) {
    const std::optional<FoundAnswer> found = ExtractAnswer(text);
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(found->text, answer) << text;
    EXPECT_EQ(AnswerSourceName(found->source), AnswerSourceName(source)) << text;
  }
}

TEST(Answers, AreNotInventedWhereThereIsNone) {
  for (const std::string text :
       {"", "We are done.", "x_1", "\\boxed{ }", "The answer is", "####"}) {
    EXPECT_EQ(ExtractAnswer(text), std::nullopt) << text;
  }
}

TEST(Answers, EqualAnswersHaveOneForm) {
  const std::vector<std::vector<std::string>> groups = {
      {"860", "860.0", " 860. ", "$860$", "\\(860\\)", "860 kilometers", "860\\text{ km}",
       "860 km/h", "**860**", "x = 860", "{860}", "\\boxed{860}", "(860)", "860 miles per hour",
       "860\\,\\mathrm{cm}^2", "\\text{Total cost} = \\$860", "860cm"},
      {"1200.5", "1,200.50", "$1,200.50", "\\$1{,}200.50", "1,200.5 dollars"},
      {"0.5", "1/2", "\\frac{1}{2}", "\\dfrac12", ".5", "\\tfrac{3}{6}", "$\\frac{1}{2}$"},
      {"1.5", "1\\frac{1}{2}", "1 1/2", "3/2", "1\\frac12 hours"},
      {"-5", "\u22125", "$-5$", "-$5", "- 5", "-5.00"},
      {"50", "50%", "50\\%", "50 percent"},
      {"90", "90^\\circ", "90^{\\circ}", "90\u00b0", "90 degrees"},
      {"A", "(A)", "A.", "A)", "\\text{(A)}", "**A**"},
      {"yes", "Yes.", "YES", "\\text{Yes}"},
      {"(1,2)", "(1, 2)", "\\left(1, 2\\right)", "$(1,\\,2)$"},
      {"x+1", "x + 1", "$x+1$"},
      {"1/3", "2/6", "\\frac13"}};
  for (const std::vector<std::string>& group : groups) {
    for (const std::string& answer : group) {
      EXPECT_EQ(NormalizeAnswer(answer), group.front()) << answer;
    }
  }
}

TEST(Answers, DifferentAnswersStayApart) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"5", "5x"},         {"5", "5 million"}, {"5", "5 or 6"},   {"5 am", "5 pm"},
      {"1,2", "12"},       {"(1,2)", "(2,1)"}, {"5!", "5"},       {"x^2", "x2"},
      {"1/3", "0.33"},     {"A", "a"},         {"5", "-5"},       {"10:30", "10"},
      {"2\\sqrt{3}", "2"}, {"x=1, y=2", "1"},  {"x \\le 5", "5"}, {"[1,2]", "(1,2)"},
      {"0.5", "0.50001"},  {"5 and 6", "5"},   {"", ""},          {"$", "$$"},
      {"1/0", "1"},        {"3 squared", "3"}, {"5 x", "5"},      {"1e3", "13"}};
  for (const auto& [a, b] : cases) EXPECT_FALSE(SameAnswer(a, b)) << a << " | " << b;
}

TEST(Answers, SeveralValuesMatchInTheirOwnWay) {
  const std::vector<std::vector<std::string>> groups = {
      {"50%", "0.5", "50 percent", "1/2"},
      {"12.5%", "0.125", "12.5\\%", "1/8"},
      {"{1, 2}", "{2,1}", "\\{1, 2\\}", "1, 2", "2 and 1", "x = 1 or x = 2", "x=2, x=1", "1 or 2"},
      {"\\pm 3", "3, -3", "{-3, 3}", "x = \\pm 3", "\u00b13"},
      {"(1/2, 1]", "(0.5, 1.0]", "\\left(\\frac{1}{2}, 1\\right]", "0.5 < x \\le 1",
       "1/2 < x <= 1.0", "x \\in (0.5, 1]", "1 \\geq x > 0.5"},
      {"(-\\infty, 3)", "x < 3", "3 > x", "(-\u221e,3)"},
      {"[3, \\infty)", "x \\ge 3", "3 \u2264 x"},
      {"(1, 0.5)", "(1, \\frac{1}{2})", "(x, y) = (1, 0.5)"},
      {"B", "Choice_B", "Option B", "(B)", "B: Alpha particles", "(B) Ulysses", "Choice B"},
      {"1, 2, 3", "3, 2 and 1", "{1,2,3}", "1; 2; 3"}};
  for (const auto& group : groups) {
    for (const std::string& a : group) {
      EXPECT_TRUE(AnswersMatch(a, group.front())) << a << " | " << group.front();
      EXPECT_TRUE(AnswersMatch(group.front(), a)) << a << " | " << group.front();
      EXPECT_TRUE(AnswersMatch(a, a)) << a;
    }
  }
}

TEST(Answers, OtherValuesDoNotMatch) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"50%", "0.05"},      {"50%", "5"},
      {"{1, 2}", "{1, 3}"}, {"{1, 2}", "{1, 2, 3}"},
      {"(1, 2)", "(2, 1)"}, {"(1, 2]", "[1, 2)"},
      {"[1, 2]", "{1, 2}"}, {"x < 3", "x <= 3"},
      {"x < 3", "x > 3"},   {"1 < x < 2", "x < 2"},

      {"A", "B"},           {"A: one", "B: one"},
      {"A lot", "A"},       {"\\pm 3", "3"},
      {"1, 2", "1"},        {"", ""},
      {" ", "{}"},          {"yes", "no"},
      {"a, b", "a, c"},     {"Ann, Bob", "Bob, Cy"},
      {"50%", "50% of x"},  {"5 and 6", "5"},
      {"(A)", "(a)"}};
  for (const auto& [a, b] : cases) {
    EXPECT_FALSE(AnswersMatch(a, b)) << a << " | " << b;
    EXPECT_FALSE(AnswersMatch(b, a)) << a << " | " << b;
  }
}

TEST(Answers, MatchingIsSymmetricAndFollowsFromSameness) {
  const std::vector<std::string> pieces = {"{", "}", "(", "]",    "1",     "2",    ",",
                                           "<", "=", "x", "%",    " and ", "\\pm", "inf",
                                           "B", ":", " ", "\xff", "-"};
  std::mt19937 random(9);
  std::vector<std::string> texts;
  for (int i = 0; i < 700; ++i) {
    std::string text;
    for (size_t n = random() % 7; n > 0; --n) text += pieces[random() % pieces.size()];
    texts.push_back(text);
  }
  for (const std::string& a : texts) {
    for (const std::string& b : texts) {
      const bool match = AnswersMatch(a, b);
      EXPECT_EQ(match, AnswersMatch(b, a)) << a << " | " << b;
      EXPECT_TRUE(match || !SameAnswer(a, b)) << a << " | " << b;
    }
  }
}

TEST(Answers, NormalisingTwiceChangesNothing) {
  const std::vector<std::string> pieces = {
      "\\text{", "}", "{",  "$",        "\\",     "(",  ")",  "5",   "1/2", "\\frac", "12",
      "=",       "x", "**", ".",        " ",      "e3", "cm", "\\(", ",",   "%",      "\u00b0",
      "A",       "-", "\"", "\\boxed{", "\\left", "or", "`",  "000", "^2",  "\\,",    "\xff"};
  std::mt19937 random(7);
  for (int i = 0; i < 50000; ++i) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) text += pieces[random() % pieces.size()];
    const std::string once = NormalizeAnswer(text);
    EXPECT_EQ(NormalizeAnswer(once), once) << text;
    ExtractAnswer(text);
  }
}

// Quadratic work on any of these would take minutes.
TEST(Answers, LongTextsAreReadOnce) {
  for (const std::string piece : {"\\boxed{", "answer", "answer: .", "####", "1 ", "{", "}", "-",
                                  "1,", "\\frac{1", "answer is ", "\\frac"}) {
    std::string text;
    while (text.size() < 4'000'000) text += piece;
    ExtractAnswer(text);
    EXPECT_EQ(NormalizeAnswer(text + "  ").size(), text.size() - (piece.back() == ' '));
  }
}

// Extracted answers against the file's own, which independent code took from the same steps: they
// agree wherever the solution announces its answer; the last number is a guess by its nature ("he
// will be 21 years old in 3 years").
TEST(Answers, AgreeWithIndependentExtraction) {
  PRM_NEED_SHARED_DATA("rerank/gsm8k_bon32_public.jsonl.xz");
  RerankReader reader(SharedData() / "rerank" / "gsm8k_bon32_public.jsonl.xz");
  RerankProblem problem;
  int announced = 0, announced_same = 0, guessed = 0, guessed_same = 0;
  while (reader.Next(&problem)) {
    for (const RerankCandidate& candidate : problem.candidates) {
      const std::optional<FoundAnswer> found = ExtractAnswer(candidate.steps.back());
      ASSERT_TRUE(found) << problem.id << ": " << candidate.steps.back();
      const bool same = SameAnswer(found->text, *candidate.answer);
      const bool guess = found->source == AnswerSource::kLastNumber;
      (guess ? guessed : announced) += 1;
      (guess ? guessed_same : announced_same) += same;
    }
  }
  RecordProperty("announced", announced);
  RecordProperty("announced_same", announced_same);
  RecordProperty("guessed", guessed);
  RecordProperty("guessed_same", guessed_same);
  EXPECT_EQ(announced + guessed, 206 * 32);
  EXPECT_GE(announced_same, 0.995 * announced) << announced_same << " of " << announced;
  EXPECT_GE(guessed_same, 0.9 * guessed) << guessed_same << " of " << guessed;
}

// Answers of the form "A: 120", against published verdicts.
TEST(Answers, GiveThePublishedVerdicts) {
  PRM_NEED_SHARED_DATA("rerank/gsm8k_openai_4policies_public.jsonl.xz");
  RerankReader reader(SharedData() / "rerank" / "gsm8k_openai_4policies_public.jsonl.xz");
  RerankProblem problem;
  int verdicts = 0, same = 0;
  while (reader.Next(&problem)) {
    for (const RerankCandidate& candidate : problem.candidates) {
      const std::optional<FoundAnswer> found = ExtractAnswer(candidate.steps.back());
      ++verdicts;
      same += (found && SameAnswer(found->text, *problem.ground_truth)) == *candidate.is_correct;
    }
  }
  EXPECT_EQ(verdicts, 698 * 4);
  EXPECT_GE(same, 0.999 * verdicts) << same << " of " << verdicts;
}

}  // namespace
}  // namespace prm
