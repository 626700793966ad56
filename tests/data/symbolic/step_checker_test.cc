#include "data/symbolic/step_checker.h"

#include <gtest/gtest.h>

#include <chrono>
#include <initializer_list>
#include <string>

#include "data/math_text/verdict.h"

namespace prm {
namespace {

// "refuted arithmetic hard" of the step after the context's steps.
std::string Say(std::string_view step, std::initializer_list<std::string_view> context = {},
                std::string_view problem = "") {
  StepChecker checker(problem);
  for (const std::string_view before : context) checker.Check(before);
  const StepCheck check = checker.Check(step);
  std::string said =
      std::string(VerdictName(check.verdict)) + " " + std::string(ReasonName(check.reason));
  if (check.severity != Severity::kNone) said += " " + std::string(SeverityName(check.severity));
  return said;
}

// The same for each relation.
std::vector<std::string> SayEach(std::string_view step) {
  StepChecker checker("");
  std::vector<std::string> said;
  for (const RelationCheck& relation : checker.Check(step).relations) {
    said.push_back(std::string(VerdictName(relation.verdict)) + " " +
                   std::string(ReasonName(relation.reason)));
  }
  return said;
}

constexpr char kOk[] = "arith_ok arithmetic";
constexpr char kRefuted[] = "refuted arithmetic hard";

TEST(StepChecker, CalculatorMarksAndCurrency) {
  EXPECT_EQ(Say("Janet sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day."), kOk);
  EXPECT_EQ(SayEach("Janet sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day."),
            (std::vector<std::string>{kOk, kOk}));
  EXPECT_EQ(Say("she has $32 - $20 = $300 left"), kRefuted);
}

TEST(StepChecker, ClosedArithmeticWithUnitsBetween) {
  EXPECT_EQ(Say("So he played 14*20=140 minutes"), kRefuted);
  EXPECT_EQ(Say("13 marbles + 4 marbles + 16 marbles = 45 marbles"), kRefuted);
}

TEST(StepChecker, TransformationsFollowFromTheContext) {
  const std::string_view context = "3x+6=15";
  EXPECT_EQ(Say("Subtract 6: 3x = 9", {context}), "arith_ok follows");
  EXPECT_EQ(Say("x = 3", {context, "Subtract 6: 3x = 9"}), "arith_ok follows");
  EXPECT_EQ(Say("x = 4", {context, "Subtract 6: 3x = 9"}), "refuted contradicts_context soft");
  EXPECT_EQ(Say("x = 3", {}, "Solve 3x+6=15."), "arith_ok follows");
}

TEST(StepChecker, ALetterMayNameOneValueAfterAnother) {
  EXPECT_EQ(Say("so x = 2", {"so x = 1"}), "not_checked trial");
  EXPECT_EQ(Say("so 2x = 2", {"so x = 1", "so x = 2"}), "arith_ok follows");
  EXPECT_EQ(Say("so 2x = 4", {"so x = 1", "so x = 2"}), "not_checked trial");
  EXPECT_EQ(Say("so 2x = 4", {"so x = 1"}), "refuted contradicts_context soft");
}

TEST(StepChecker, DecimalsMayBeRounded) {
  EXPECT_EQ(Say("x = 0.67", {"3x = 2"}), "not_checked trial");
  EXPECT_EQ(Say("x = 1", {"3x = 2."}), "refuted contradicts_context soft");
}

TEST(StepChecker, WhatFollowsFromARefutedStepIsNotRefutedAgain) {
  EXPECT_EQ(Say("3x = 8", {"3x + 6 = 15"}), "refuted contradicts_context soft");
  EXPECT_EQ(Say("x = 8/3", {"3x + 6 = 15", "3x = 8"}), "not_checked trial");
  EXPECT_EQ(Say("x = 7/3", {"3x + 6 = 15", "3x = 8"}), "refuted contradicts_context soft");
}

TEST(StepChecker, ANoThatAnswersDeniesNoRelation) {
  EXPECT_EQ(Say("So x = 19.", {"No, we subtract 4 to get 3x = 57."}), "arith_ok follows");
  EXPECT_EQ(Say("No, 2 + 2 = 5."), kRefuted);
  EXPECT_EQ(Say("No way that 2 + 2 = 5."), "not_checked negation");
}

TEST(StepChecker, AStepThatCorrectsOthersStartsAnew) {
  EXPECT_EQ(Say("x = 4", {"3x + 6 = 15", "No, the equation was wrong."}),
            "not_checked new_equation");
  EXPECT_EQ(Say("x = 4", {"3x + 6 = 15", "Nothing new is said."}),
            "refuted contradicts_context soft");
}

int OperationsFrom(std::string_view from, std::string_view to) {
  StepChecker checker("");
  checker.Check(from);
  return checker.Check(to).relations.at(0).operations;
}

TEST(StepChecker, SidesMayBeTurnedRoundAtNoCost) {
  EXPECT_EQ(OperationsFrom("28 = 2x", "x = 14"), 1);
  EXPECT_EQ(OperationsFrom("2x = 28", "x = 14"), 1);
  EXPECT_EQ(OperationsFrom("20 + y = 3x", "3x - y = 20"), 1);
  EXPECT_EQ(OperationsFrom("a = 2m - b", "2m = a + b"), 1);
  EXPECT_EQ(OperationsFrom("2x - 7 = y", "4x = 2y + 14"), 2);
}

TEST(StepChecker, ABracketASideOrTermsWithoutLikeOnesAreMovedAtOnce) {
  EXPECT_EQ(OperationsFrom("3(x + y) + z = 5", "z = 5 - 3(x + y)"), 1);
  EXPECT_EQ(OperationsFrom("z + 3x + 3y = 5", "z = 5 - 3(x + y)"), 1);
  EXPECT_EQ(OperationsFrom("4 + (9x + 8y + z) = 7(x + y + z)", "4 = 7(x + y + z) - (9x + 8y + z)"),
            1);
  EXPECT_EQ(OperationsFrom("3(x + y) + z = 5", "2z = 10 - 6(x + y)"), 2);
  EXPECT_EQ(OperationsFrom("2(x + y) + x = 5 + y", "x = 5 + y - 2(x + y)"), 1);
  EXPECT_EQ(OperationsFrom("x + 1 = 2x + 3", "x + 1 - (2x + 3) = 0"), 1);
  EXPECT_EQ(OperationsFrom("x^2 + 3x = 2y + 7", "x^2 + 3x - 2y - 7 = 0"), 1);
  EXPECT_EQ(OperationsFrom("w + x + y + z = 5", "z = 5 - w - x - y"), 1);
  EXPECT_EQ(OperationsFrom("x + y = z + 5", "x - 5 = z - y"), 2);
  // Each collected like term counts.
  EXPECT_EQ(OperationsFrom("3x + 2y + 5z = x + y + z + 7", "2x + y + 4z = 7"), 3);
}

TEST(StepChecker, ComplexNumbersCountNoOperations) {
  EXPECT_EQ(OperationsFrom("z = (3 - 2i)(1 + i)", "z = 3 + 3i - 2i - 2i^2 + x - x"), 0);
}

TEST(StepChecker, InspectionVerifiesACandidate) {
  const std::string_view context = "3x+6=15";
  EXPECT_EQ(Say("Try x = 3: 3(3) + 6 = 15, which works", {context}), "arith_ok candidate_verified");
  EXPECT_EQ(Say("Try x = 4: 3(4)+6 = 18, too big", {context}), kOk);
}

TEST(StepChecker, RoundingToTheDecimalsShown) {
  EXPECT_EQ(Say("1/3 = 0.33"), "arith_ok rounded");
  EXPECT_EQ(Say("1/3 = 0.34"), kRefuted);
  EXPECT_EQ(Say("10/3 = 3"), kRefuted);
  EXPECT_EQ(Say("10/3 = 3 each, 1 left"), "arith_ok quotient_remainder");
  EXPECT_EQ(Say("10/3 = 3 each, 2 left"), "not_checked remainder");
}

TEST(StepChecker, PercentSignsMeanHundredthsWhereThatHolds) {
  for (const char* step : {"20% of 50 = 10", "0.15 = 15%", "80 * 150% = 120"}) {
    EXPECT_EQ(Say(step), "arith_ok percent") << step;
  }
}

TEST(StepChecker, UnitsConvertByTheTable) {
  EXPECT_EQ(Say("3 hours = 180 minutes"), "arith_ok unit");
  EXPECT_EQ(Say("3 hours = 190 minutes"), "refuted unit hard");
  EXPECT_EQ(Say("5 boxes = 60 pens"), "not_checked unknown_unit");
}

TEST(StepChecker, MixedNumbersHaveTwoReadings) {
  EXPECT_EQ(Say("2 1/2 + 1/2 = 3"), kOk);
  EXPECT_EQ(Say("$2\\frac13(\\frac{-1}{3}) = -\\frac29$"), kOk);
  EXPECT_EQ(Say("$2\\frac13(\\frac{-1}{3}) = -\\frac49$"), kRefuted);
}

TEST(StepChecker, IdentitiesAndEquations) {
  EXPECT_EQ(Say("5 (x - 1) = 5"), "not_checked new_equation");
  EXPECT_EQ(Say("(x-1)(x+1) = x^2 - 1"), "arith_ok identity");
  EXPECT_EQ(Say("Expanding, (x+2)^2 = x^2 + 4"), "refuted false_identity hard");
  EXPECT_EQ(Say("x + x + 30 = 160"), "not_checked new_equation");
}

TEST(StepChecker, MultiplesOfOneTermAreCompared) {
  for (const char* step : {"120 m + 350 m = 480 m", "so 3/4 S + S = 2S", "3 * 18 * R = 108R"}) {
    EXPECT_EQ(Say(step), "refuted false_identity hard") << step;
  }
  for (const char* step : {
           "0.997 * 30 N = 29.9 N",         // rounded
           "500 * x / 60 = 8.33x",          // rounded
           "2x = 3x",                       // an equation, for zero
           "2x + 3x = 6x + 1",              // an equation
           "both sides give 2x + 3x = 6x",  // an equation
       }) {
    EXPECT_NE(Say(step).substr(0, 7), "refuted") << step;
  }
}

TEST(StepChecker, SharesAreComparedWithCalculatedSharesAlone) {
  for (const char* step : {
           "There are 6 = 1/4 of the marbles",      // a count
           "so 2 * 3 = 1/4 of the marbles",         // a count
           "The rest is 1/3 = 1/2 of what is left"  // of another whole
       }) {
    EXPECT_NE(Say(step).substr(0, 7), "refuted") << step;
  }
}

TEST(StepChecker, LostRootsAreNotesAndNoRefutations) {
  EXPECT_EQ(Say("so x = 3", {"x^2=9"}), "not_checked narrowing");
  EXPECT_EQ(Say("divide by x: x = 5", {"x^2=5x"}), "not_checked lost_case");
  EXPECT_EQ(Say("so x = 4", {"x^2=9"}), "refuted contradicts_context soft");
}

TEST(StepChecker, QuestionsAndNegationsAreNoClaimsButTrialsAre) {
  EXPECT_EQ(Say("So, $30025 = 13689$?"), "not_checked question");
  EXPECT_EQ(Say("Our claim that $9^2+2^2=97$ was wrong"), "not_checked negation");
  EXPECT_EQ(Say("Let's try n = 80: $\\frac{80(81)}{2} = 3380$"), kRefuted);
}

TEST(StepChecker, WhatOnlyLooksLikeArithmeticIsNeverRefuted) {
  EXPECT_EQ(Say("7:50 + 30 minutes = 8:20").substr(0, 11), "not_checked");
  EXPECT_EQ(Say("The third tank has 30 fish in the second tank / 3 = 10 fish").substr(0, 11),
            "not_checked");
  EXPECT_EQ(SayEach("Area of 1 bedroom = 11 * 11 = 121")[0].substr(0, 11), "not_checked");
  EXPECT_EQ(SayEach("Area of 1 bedroom = 11 * 11 = 121")[1], kOk);
  EXPECT_EQ(Say("4! + f(0) = 25"), "not_checked function");
  EXPECT_EQ(Say("11 # 5 = 71").substr(0, 11), "not_checked");
  EXPECT_NE(Say("14 / 1 / 4 = 56").substr(0, 7), "refuted");
  EXPECT_NE(Say("The ratio is 3:4 = 6:9").substr(0, 7), "refuted");
  EXPECT_NE(Say("So 1,5 + 1,5 = 4").substr(0, 7), "refuted");
  EXPECT_NE(Say("$10_2 + 1 = 12$").substr(0, 7), "refuted");
}

// Forms met in the tuning halves, each once refuted wrongly.
TEST(StepChecker, FormsOfWritersAreNoSlips) {
  for (const char* step : {
           "The area of the square is 8*8=64 cm^2",                 // the power of a unit
           "$128=50+2AC^2$",                                        // a product of names
           "Solving the equation 100=2a for a we obtain a=50.",     // a variable, no article
           "They read 180 pages a day because 14, 400 / 80 = 180",  // a spaced number
           "this represents 8*45 = 360 divided by 5 is 360/5 = 72 candles",  // a run-on
           "Then if $5+6>11$, this implies more",                            // a supposition
           "So, $30025 = 13689$. Not true!",                                 // a negation behind
           "the percentage is 4/12 * 100 = 33.33%",  // a percent sign for show
           "the percent is 17/8/(1 + 17/8) = 68",    // the sign left out
           "sqrt{35721}=189.",                       // a function in words
           "1 apple = 1/2 banana = 1/2 * 3/2 cucumbers, or 3/4 cucumber",  // rates
           "Now, simplify $2(x+3) = 8x + 24$",  // an equation to be simplified
           "he finishes in 6 days because 1 / 0.16666666666666666 = 6",  // a float
           "So 200 / 0.4536 = 441 pounds.",                              // a rounded operand
           "90 bulbs at $.50 = $45.00",                                  // the end of a phrase
           "1:57:58 = 1*3600 + 57*60 + 58 = 7078 seconds",               // a clock time
           "She cut half of 6*2 = 6 cakes",                              // a fraction in words
           "She has 5 more than 3 * 2 = 11",                             // a comparison
           "The sum is $10 = -10$. This is incorrect, so x is not 7.",   // a denial behind
           "Then 4 = 5. But that is a contradiction.",
           "So 600 = 2(length + 150)",                              // a factor behind
           "They had 240 * 25 (30 days - 5 Sundays) = 6000",        // a remark in brackets
           "That is 100 / 3 = 33 stickers each, with 1 remaining",  // a remainder
           "t = 0.6 meters / 2.4 x 10^8 meters per second = 2.5 x 10^-9 seconds",
       }) {
    EXPECT_NE(Say(step).substr(0, 7), "refuted") << step;
  }
}

TEST(StepChecker, UnitsAndPhrasesBehindAreCleanBorders) {
  for (const char* step : {
           "He will be left with $100 - $72 = $30 for his gift.",
           "It will take her 4 * 5 = 25 minutes to vacuum her whole house.",
           "Jenna uses 270 / 30 = 8 gallons of gas.",
           "They saw their reflections a total of 55 + 33 = 85 times.",
           "There are a total of 20 single-page spreads * 2 = 36 double-page spreads.",
           "And $\\sqrt[3]{64}=7$.",
           "5 times 6 equals 31",
           "12 divided by 4 is equal to 4",
           "That is 120 cups of coffee / 3 cups of coffee per day = 30 days",
           "And in the second half 4 * 85 = 320 kilometers.",
           "So 42 marbles / 2 = 22 were not red.",
           "Together they do 1/20 + 1/30 = 1/15 of the work.",
           "So 2 + 2 = 5 (apples). This is the answer.",
           "So 2 + 2 = 5. This is not an easy sum.",
           "Hence 2 (1 + 3) = 9.",
       }) {
    EXPECT_EQ(Say(step), kRefuted) << step;
  }
}

TEST(StepChecker, ARelationSaysWhereItStandsAndWhatItReads) {
  StepChecker checker("");
  const StepCheck check = checker.Check("so she has (5 - 1) * 2 = 9 eggs");
  ASSERT_EQ(check.relations.size(), 1u);
  const RelationCheck& relation = check.relations[0];
  EXPECT_EQ(relation.begin, 11u);
  EXPECT_EQ(relation.end, 26u);
  EXPECT_EQ(relation.left_form, "(5 - 1)*2");
  EXPECT_EQ(relation.left_value, "8");
  EXPECT_EQ(relation.right_value, "9");
  EXPECT_EQ(relation.relation, "=");
}

TEST(StepChecker, LinesThatStartWithTheirSignGoOn) {
  EXPECT_EQ(SayEach("\\begin{align*} 3*4 + 2 &= 12 + 2 \\\\ &= 15 \\end{align*}"),
            (std::vector<std::string>{kOk, "refuted arithmetic"}));
}

TEST(StepChecker, IrrationalValuesAreComparedByBalls) {
  EXPECT_EQ(Say("$\\frac{1}{2004!} = \\frac{1}{2006!}$"), kRefuted);
  EXPECT_EQ(Say("$\\sqrt{3+2\\sqrt2} = 1+\\sqrt2$"), "not_checked consistent");
  EXPECT_EQ(Say("$\\sqrt2 = 1.41421357$"), kRefuted);
  EXPECT_EQ(Say("$\\sqrt{8} = 2\\sqrt{2}$"), "arith_ok identity");
  EXPECT_EQ(Say("$\\sqrt{8} = 2\\sqrt{3}$"), kRefuted);
}

TEST(StepChecker, HostileTextIsAnsweredAtOnce) {
  const std::string digits(1'000'000, '7');
  const std::string brackets(20'000, '(');
  const std::string deep = "1 = " + std::string(5000, '(') + "1";
  const std::string nul("3\0 + \0 4 = 7", 12);
  const std::string tower = "7^(7^(7^2)) = 1";
  const std::string literal = "1" + std::string(16000, '0') + " = 1 ";
  for (const std::string* step : {&digits, &brackets, &deep, &tower}) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(Say(*step), "not_checked too_big") << step->substr(0, 20);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(50));
  }
  EXPECT_EQ(Say(nul).substr(0, 11), "not_checked");
  EXPECT_NE(Say(literal), kOk);
}

std::string Repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// 60 decimals that may each be rounded: each is moved and the sum computed anew.
std::string CostlySum() { return Repeated("1.237/7^4000 + ", 60) + "1 = 1.5"; }

TEST(StepChecker, ARelationThatNeedsTooMuchWorkIsTooBigAndTheNextStepIsNot) {
  StepChecker checker("3x + 6 = 15");
  EXPECT_EQ(checker.Check("2 + 2 = 5. So " + CostlySum()).reason, Reason::kArithmetic);
  EXPECT_EQ(checker.Check(CostlySum()).reason, Reason::kTooBig);
  EXPECT_EQ(checker.Check("3x = 9").reason, Reason::kFollows);
}

TEST(StepChecker, AVerdictDoesNotDependOnWhatIsDescribed) {
  for (const std::string& step : {CostlySum(), std::string("(2^500x+3^300y+5^200z)^18 = 1"),
                                  Repeated("2^9000 inches = ", 150) + "1"}) {
    StepChecker described("");
    StepChecker brief("", {.describe = false});
    EXPECT_EQ(described.Check(step).reason, brief.Check(step).reason);
  }
}

TEST(StepChecker, AProblemThatNeedsTooMuchWorkHidesNoStep) {
  const std::string costly = "(2^500x+3^300y+5^200z)^18 = 1 ; ";
  EXPECT_EQ(Say("2 + 2 = 5", {}, Repeated(costly, 40)), kRefuted);
}

TEST(StepChecker, ASymbolWithALongNameIsTooBig) {
  EXPECT_EQ(Say("x" + std::string(80, '\'') + " = 1"), "not_checked too_big");
}

}  // namespace
}  // namespace prm
