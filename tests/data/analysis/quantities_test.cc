#include "data/analysis/quantities.h"

#include <gtest/gtest.h>

namespace prm {
namespace {

using Numbers = std::vector<std::string>;

TEST(Quantities, ANumberFromNowhereIsFound) {
  KnownQuantities known("John pays $45,000 for his first 3 pieces. The next costs 50% more.");
  EXPECT_EQ(known.Unsupported("Each costs 45000/3=$15,000"), Numbers());
  EXPECT_EQ(known.Unsupported("He also pays a fee of 730 dollars."), Numbers{"730"});
  EXPECT_EQ(known.Unsupported("With the fee of 730 that is 15,000+730=15,730."), Numbers());
}

TEST(Quantities, NumbersOfTheProblemComeFromSomewhereInDigitsOrWords) {
  KnownQuantities known("Seventy five hens and two hundred cows; half of 1,234.5 acres.");
  EXPECT_EQ(known.Unsupported("75 + 200 = 275"), Numbers());
  EXPECT_EQ(known.Unsupported("1234.50 * 0.5 = 617.25"), Numbers());
}

TEST(Quantities, ResultsAreKnownLater) {
  KnownQuantities known("There are 37 bags of 41 nuts.");
  EXPECT_EQ(known.Unsupported("37 * 41 = 1517 nuts"), Numbers());
  EXPECT_EQ(known.Unsupported("1517 - 13 = 1504"), Numbers{"13"});
}

TEST(Quantities, OneStepOfMentalArithmeticIsNoJump) {
  KnownQuantities known("A box of 48 pens costs $96.");
  EXPECT_EQ(known.Unsupported("The other boxes hold 144 pens."), Numbers());  // 48 + 96
  KnownQuantities percent("A coat of $80 is 15% off.");
  EXPECT_EQ(percent.Unsupported("He pays 85% of it."), Numbers());
  EXPECT_EQ(percent.Unsupported("80 * 0.85 = 68"), Numbers());
}

TEST(Quantities, ConstantsAndListMarksNeedNoSource) {
  KnownQuantities known("How long is it?");
  EXPECT_EQ(known.Unsupported("Step 14: there are 60 minutes in an hour and 24 hours in a day."),
            Numbers());
  EXPECT_EQ(known.Unsupported("13. We see that it is so."), Numbers());
}

TEST(Quantities, RoundedAndCutNumbersComeFromTheirOrigin) {
  KnownQuantities known("The lamp glows every 20 seconds for 4969 seconds.");
  EXPECT_EQ(known.Unsupported("4969 / 20 = 248.45"), Numbers());
  EXPECT_EQ(known.Unsupported("Take 248 glows, or 249 glows."), Numbers());
  EXPECT_EQ(known.Unsupported("Take 246 glows."), Numbers{"246"});
  KnownQuantities quotient("Divide 41 by 19.");
  EXPECT_EQ(quotient.Unsupported("The share 2.15 and the share 2.16 go on."), Numbers());
  EXPECT_EQ(quotient.Unsupported("The share 2.18 goes on."), Numbers{"2.18"});
  // A whole number is not a rounding of another whole number or of a quotient.
  EXPECT_EQ(KnownQuantities("Share 41 bags.").Unsupported("Take 42.5 of them"), Numbers{"42.5"});
  EXPECT_EQ(KnownQuantities("Share 4100 by 19.").Unsupported("Take 216 of them"), Numbers{"216"});
}

TEST(Quantities, FractionsAndMixedNumbersAreRead) {
  KnownQuantities known("He rows 17 1/2 km, 3/16 of the way, in 13 \u00bd hours.");
  EXPECT_EQ(known.Unsupported("17.5 * 0.1875 * 13.5 = 44"), Numbers());
  EXPECT_EQ(known.Unsupported("17.7 * 44 = 779"), Numbers{"17.7"});
}

TEST(Quantities, CoinsSharesOfUnitsAndPercentLeftAreKnown) {
  KnownQuantities known("He has 33 quarters, 41 dimes and 57 pennies.");
  EXPECT_EQ(known.Unsupported("33 * 0.25 + 41 * 0.1 + 57 * 0.01 = 13"), Numbers());
  KnownQuantities length("The way is 731 m or 3 miles.");
  EXPECT_EQ(length.Unsupported("731 * 0.001 = 0.731"), Numbers());
  EXPECT_EQ(length.Unsupported("3 * 5280 = 15840"), Numbers());
  KnownQuantities area("The radius shrinks by 10%.");
  EXPECT_EQ(area.Unsupported("0.9 * 0.9 = 0.81"), Numbers());
  EXPECT_EQ(area.Unsupported("The area shrinks by 19 percent."), Numbers());
}

TEST(Quantities, PowersShiftedPointsAndHoursAreOneOperationAway) {
  EXPECT_EQ(KnownQuantities("Four to the 5th.").Unsupported("This makes 1 / 1024"), Numbers());
  EXPECT_EQ(KnownQuantities("It is 0.898.").Unsupported("So 898 of 1000 parts"), Numbers());
  EXPECT_EQ(KnownQuantities("It takes 17 h.").Unsupported("These 1020 minutes pass"), Numbers());
  EXPECT_EQ(KnownQuantities("It takes 17 h.").Unsupported("These 1021 minutes pass"),
            Numbers{"1021"});
}

TEST(Quantities, ResultsInWordsAndNumbersInARowAreStated) {
  KnownQuantities known("A box of 17 pounds, 16 ounces each.");
  EXPECT_EQ(known.Unsupported("It holds 17 * 16, or 272 ounces"), Numbers());
  EXPECT_EQ(known.Unsupported("The primes here are 41, 43, and 47, as we know"), Numbers());
  EXPECT_EQ(known.Unsupported("Those 47 and 59 are two"), Numbers());
  EXPECT_EQ(known.Unsupported("We buy 491 and more"), Numbers{"491"});
}

TEST(Quantities, FormulasAreJudgedUpToTheirFirstEqualsSign) {
  KnownQuantities known("A car drives at 54 km an hour.");
  EXPECT_EQ(known.Unsupported("54 * 1000 / 3600 = 77 * 13 / 29 = 15"), Numbers());
  EXPECT_EQ(known.Unsupported("Speed = 101 + 54 = 155, so the rest is 47 * 54 = 2538"),
            (Numbers{"101", "47"}));
}

TEST(Quantities, StepsWithUnknownsAreNotJudged) {
  KnownQuantities known("A car drives at 54 km an hour.");
  EXPECT_EQ(known.Unsupported("(x - 30)(x + 333) = 0"), Numbers());
  EXPECT_EQ(known.Unsupported("Then 777 = 25 y"), Numbers());
  EXPECT_EQ(known.Unsupported("54 x 888 is a product"), Numbers{"888"});
}

TEST(Quantities, AmongManyNumbersNothingIsSaid) {
  std::string problem;
  for (int i = 0; i < 100; ++i) problem += std::to_string(1000 + 7 * i) + " ";
  KnownQuantities known(problem);
  EXPECT_EQ(known.Unsupported("Add 987654321 to it."), Numbers());
}

TEST(Quantities, HugeNumbersAreRead) {
  KnownQuantities known("p");
  EXPECT_EQ(known.Unsupported("Take " + std::string(400, '9') + " more").size(), 1u);
}

}  // namespace
}  // namespace prm
