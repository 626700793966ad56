#include "data/curation/quantities.h"

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
