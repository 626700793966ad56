#include "data/analysis/step_lints.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "data/math_text/verdict.h"
#include "data/similarity/normal_text.h"

namespace prm {
namespace {

Guideline Strict() {
  Guideline guideline;
  guideline.unit = StepUnit::kTransformation;
  guideline.max_words = 10;
  guideline.max_sentences = 2;
  guideline.quantities = true;
  return guideline;
}

std::vector<Lint> Kinds(const std::vector<LintFinding>& findings) {
  std::vector<Lint> kinds;
  for (const LintFinding& finding : findings) kinds.push_back(finding.lint);
  return kinds;
}

TEST(StepLints, SentencesAreCounted) {
  EXPECT_EQ(CountSentences("One. Two! Three?"), 3);
  EXPECT_EQ(CountSentences("No full stop"), 1);
  EXPECT_EQ(CountSentences("It costs 3.50 dollars. All good."), 2);
  EXPECT_EQ(CountSentences("Mr. Fox, i.e. the dog, vs. the cat etc. ran."), 1);
  EXPECT_EQ(CountSentences("1. First do this."), 1);
  EXPECT_EQ(CountSentences("From 12 a.m. to 6 p.m. is a long time."), 1);
  EXPECT_EQ(CountSentences("So it is x. Then y."), 2);
  EXPECT_EQ(CountSentences("It takes 60 sq. ft. of wood and 3 lb. of nails."), 1);
  EXPECT_EQ(CountSentences("It takes 60 sq.ft. Then it is done."), 2);
  EXPECT_EQ(CountSentences("Right. So x = 3. Ok!"), 1);
  EXPECT_EQ(CountSentences(""), 0);
  EXPECT_EQ(CountSentences("... 3. ?"), 0);
}

TEST(StepLints, WordsAreCounted) {
  EXPECT_EQ(CountWords("  a  b\n\tc "), 3);
  EXPECT_EQ(CountWords("So $x + 1 = \\frac{a b}{c d}$, and \\[a + b\\] too - > ="), 5);
  EXPECT_EQ(CountWords("It costs $5 and that costs $7 more."), 8);
  EXPECT_EQ(CountWords(""), 0);
}

TEST(StepLints, OpenFormulasAreReadOnce) {
  constexpr int kPieces = 300'000;
  const std::vector<std::pair<std::string, int>> words_of = {
      {"\\[ ", 0}, {"\\( ", 0}, {"\\begin{align ", 1}, {"$$ x y $$ ", 1}};
  for (const auto& [piece, words] : words_of) {
    std::string text;
    for (int i = 0; i < kPieces; ++i) text += piece;
    EXPECT_EQ(CountWords(text), words * kPieces) << piece;
  }
}

TEST(StepLints, UnitsAreCountedByDomain) {
  const StepCheck none;
  WrittenRelations written;
  EXPECT_EQ(CountUnits(StepUnit::kEvidence,
                       R"(It says "the cat sat down" and “the dog ran off” but not "no".)", none,
                       &written),
            2);
  EXPECT_EQ(
      CountUnits(StepUnit::kSource,
                 "According to Smith, and [1], [2] and [1]; see https://a.b/c and", none, &written),
      4);
  EXPECT_EQ(CountUnits(StepUnit::kAuthority, "Under Art. 5 and § 7, and in Smith v. Jones.", none,
                       &written),
            3);
  EXPECT_EQ(CountUnits(StepUnit::kInference, "Thus a. Therefore b, hence c.", none, &written), 3);
  StepCheck check;
  const auto count = [&] {
    WrittenRelations written;
    return CountUnits(StepUnit::kTransformation, "", check, &written);
  };
  const auto add = [&](uint32_t begin, uint32_t end, const char* left, const char* right) {
    RelationCheck relation;
    relation.begin = begin;
    relation.end = end;
    relation.relation = "=";
    relation.left_form = left;
    relation.right_form = right;
    check.relations.push_back(relation);
  };
  add(0, 10, "x + 1", "y");
  add(6, 15, "y", "2*z");  // a = b = c
  EXPECT_EQ(count(), 1);
  add(16, 19, "x", "3");  // names a value
  add(20, 25, "", "");    // words
  EXPECT_EQ(count(), 1);
  add(30, 40, "2*x", "6");
  EXPECT_EQ(count(), 2);
}

// Transformations of the last of these steps, by its own check.
int Transformations(std::string_view problem, std::vector<std::string_view> steps) {
  Guideline guideline = Strict();
  guideline.max_units = 0;
  guideline.max_words = guideline.max_sentences = 1000;
  guideline.quantities = false;
  StepLinter linter(problem, guideline);
  StepChecker checker(problem);
  int count = 0;
  for (const std::string_view step : steps) {
    count = 0;
    for (const LintFinding& finding : linter.Next(step, checker.Check(step))) {
      if (finding.lint == Lint::kManyUnits) count = std::stoi(finding.evidence);
    }
  }
  return count;
}

TEST(StepLints, OnlyWhatIsNewTransforms) {
  EXPECT_EQ(Transformations("", {"3x + 6 = 15, so 3x = 9."}), 2);
  EXPECT_EQ(Transformations("", {"3x + 6 = 15.", "From 3x + 6 = 15 we get 3x = 9."}), 1);
  EXPECT_EQ(Transformations("Let 3x + 6 = 15. Find x.", {"As 3x + 6 = 15, we have 3x = 9."}), 1);
  EXPECT_EQ(Transformations("", {"If x + 1 > 2y, then 2x + 3 = 9."}), 1);
  EXPECT_EQ(Transformations("", {"Let u = x^2 + 1."}), 0);
  EXPECT_EQ(Transformations("", {"Let's add: x + 3 = 2y."}), 1);
  EXPECT_EQ(Transformations("", {"We know that $a_1 = 6$ and $a_2 = 7$."}), 0);
  EXPECT_EQ(Transformations("", {"As 1 km = 1000 m, 3 * 1000 = 3000."}), 1);
  EXPECT_EQ(Transformations("", {"1 hour is equal to 60 minutes."}), 0);
  EXPECT_EQ(Transformations("", {"Assume that b = 4a. Then a + b = 5a."}), 1);
}

TEST(StepLints, LongStepsWarn) {
  const Guideline guideline = Strict();
  StepLinter linter("p", guideline);
  EXPECT_TRUE(linter.Next("Short. And good.", {}).empty());
  const auto found =
      linter.Next("One two three four five six. Seven eight nine. Ten and eleven.", {});
  EXPECT_EQ(Kinds(found), (std::vector{Lint::kManySentences, Lint::kManyWords}));
  EXPECT_EQ(found[0].step, 1u);
  EXPECT_EQ(found[0].evidence, "3 sentences, at most 2");
}

TEST(StepLints, JumpsWarnBeyondTheGuideline) {
  const Guideline guideline = Strict();
  StepLinter linter("p", guideline);
  StepCheck jump;
  jump.relations.emplace_back();
  jump.relations[0].reason = Reason::kFollows;
  jump.relations[0].operations = 2;
  EXPECT_TRUE(linter.Next("x = 3", jump).empty());
  jump.relations[0].operations = 3;
  EXPECT_EQ(Kinds(linter.Next("y = 4", jump)), std::vector{Lint::kSkippedStep});
  // Plain arithmetic is no jump, however long.
  jump.relations[0].reason = Reason::kArithmetic;
  EXPECT_TRUE(linter.Next("1 + 2 + 3 = 6", jump).empty());
}

TEST(StepLints, QuantitiesWarnWhereTheGuidelineAsks) {
  Guideline guideline = Strict();
  EXPECT_EQ(Kinds(StepLinter("There are 37 hens.", guideline).Next("Take 91 cows.", {})),
            std::vector{Lint::kUnsupportedQuantity});
  guideline.quantities = false;
  EXPECT_TRUE(StepLinter("There are 37 hens.", guideline).Next("Take 91 cows.", {}).empty());
}

double Similarity(std::string_view a, std::string_view b) {
  return StepSimilarity(NormalText(a), NormalText(b));
}

TEST(StepLints, SimilarStepsDifferInFillersOnly) {
  EXPECT_EQ(Similarity("So x = 3.", "so x=3"), 1);
  EXPECT_EQ(Similarity("The digit 3 gives nine", "The digit 4 gives nine"), 0);
  EXPECT_EQ(Similarity("a + b is the sum", "a - b is the sum"), 0);
  EXPECT_EQ(Similarity("concave mirrors make things small", "convex mirrors make things small"), 0);
  EXPECT_DOUBLE_EQ(
      Similarity("so the cat sat on one mat by night", "now the cat sat on one mat by night"),
      1 - 1.0 / 9);
  EXPECT_EQ(Similarity("", ""), 1);
}

TEST(StepLints, RepeatsWarnOnce) {
  Guideline guideline = Strict();
  guideline.max_words = 100;
  StepLinter linter("p", guideline);
  const std::string step = "so we see that the cost of the two cats is just c = ten dollars";
  EXPECT_TRUE(linter.Next(step, {}).empty());
  EXPECT_TRUE(linter.Next("something else entirely is said here", {}).empty());
  const auto found = linter.Next("Now " + step.substr(3), {});
  ASSERT_EQ(Kinds(found), std::vector{Lint::kRepeatedStep});
  EXPECT_EQ(found[0].step, 2u);
  EXPECT_TRUE(found[0].evidence.starts_with("as step 0: so we see")) << found[0].evidence;
}

TEST(StepLints, WhatSpeaksOfAnotherThingIsNoRepeat) {
  const Guideline guideline = Strict();
  StepLinter linter("p", guideline);
  for (const char* step :
       {"So this is x = 3.", "Right.", "And that is not a number.", "Suppose that x > 0.",
        "The result of it is x = 4.", "I can plot a line with the slope."}) {
    EXPECT_TRUE(linter.Next(step, {}).empty());
    EXPECT_TRUE(linter.Next(step, {}).empty()) << step;
  }
}

TEST(StepLints, OutsideMathematicsAWordIsAStatement) {
  Guideline guideline = Strict();
  guideline.unit = StepUnit::kEvidence;
  StepLinter linter("p", guideline);
  EXPECT_TRUE(linter.Next("The patient has a fever.", {}).empty());
  EXPECT_EQ(Kinds(linter.Next("the patient has a fever", {})), std::vector{Lint::kRepeatedStep});
}

TEST(StepLints, AMillionStepsTakeSeconds) {
  Guideline guideline = Strict();
  guideline.unit = StepUnit::kEvidence;
  StepLinter linter("p", guideline);
  int64_t repeats = 0;
  for (int i = 0; i < 300'000; ++i) {
    repeats +=
        int64_t(linter.Next(i % 2 ? "the state is the same" : "x of y of z we know", {}).size());
  }
  EXPECT_EQ(repeats, 300'000 - 2);
}

}  // namespace
}  // namespace prm
