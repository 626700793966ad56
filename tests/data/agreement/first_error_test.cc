#include "data/agreement/first_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace prm {
namespace {

using ::testing::ElementsAre;
using Index = std::optional<int>;

// One string per trace and annotator: '+', '-' error, '.' no label.
Ratings Traces(const std::vector<std::vector<std::string>>& traces) {
  Ratings ratings({"+", "-"});
  for (size_t t = 0; t < traces.size(); ++t) {
    for (size_t a = 0; a < traces[t].size(); ++a) {
      const int annotator = ratings.Annotator(std::string(1, char('a' + a)));
      for (size_t s = 0; s < traces[t][a].size(); ++s) {
        const int unit = ratings.Unit({ratings.Trace("t" + std::to_string(t)), int(s), 1, 0, ""});
        if (traces[t][a][s] != '.') ratings.Add(unit, {annotator, traces[t][a][s] == '-', {}});
      }
    }
  }
  return ratings;
}

TEST(FirstError, IsDecidableWhereEveryStepBeforeHasALabel) {
  const auto first = FirstErrors(Traces({{"++-+", "++++", ".+-+", "+-..", "++.."}}), {false, true});
  EXPECT_THAT(first[0], ElementsAre(Index(2), Index(-1), Index(), Index(1), Index()));
}

TEST(FirstError, PairsAgreeExactlyOrWithinOneStep) {
  const auto first =
      FirstErrors(Traces({{"+-", "+-"}, {"-+", "+-"}, {"++", "+-"}, {"++", "++"}, {"++", ".-"}}),
                  {false, true});
  const std::vector<double> rows = FirstErrorSums(first);
  EXPECT_THAT(rows, ElementsAre(1, 1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0));
  const double sum[] = {4, 2, 3};
  EXPECT_EQ(FirstErrorExact(sum).value, .5);
  EXPECT_EQ(FirstErrorWithinOne(sum).value, .75);
}

TEST(FirstError, TwoStepsApartAndNoErrorAtAllAreNotNear) {
  const auto first = FirstErrors(Traces({{"-+++", "++-+"}, {"-+", "++"}}), {false, true});
  EXPECT_THAT(FirstErrorSums(first), ElementsAre(1, 0, 0, 1, 0, 0));
}

TEST(FirstError, ThreeAnnotatorsCountTheirPairs) {
  const auto first = FirstErrors(Traces({{"-++", "+-+", "-++"}}), {false, true});
  const std::vector<double> rows = FirstErrorSums(first);
  EXPECT_NEAR(rows[1], 1 / 3.0, 1e-12);
  EXPECT_NEAR(rows[2], 1, 1e-12);
}

TEST(FirstError, TheLatestTextVersionCounts) {
  Ratings ratings({"+", "-"});
  const int a = ratings.Annotator("a");
  ratings.Add(ratings.Unit({ratings.Trace("t"), 0, 2, 0, ""}), {a, 0, {}});
  ratings.Add(ratings.Unit({ratings.Trace("t"), 0, 1, 0, ""}), {a, 1, {}});
  EXPECT_THAT(FirstErrors(ratings, {false, true})[0], ElementsAre(Index(-1)));
}

TEST(FirstError, UndefinedWithoutTwoAnnotators) {
  const auto rows = FirstErrorSums(FirstErrors(Traces({{"+-"}}), {false, true}));
  EXPECT_EQ(FirstErrorExact(rows).value, std::nullopt);
  EXPECT_EQ(FirstErrorWithinOne(rows).why,
            "no trace has a first error decidable for two annotators");
}

TEST(FirstError, AStepThatNobodyLookedAtMayBeTheFirst) {
  Ratings ratings({"+", "-"});
  const int a = ratings.Annotator("a");
  const auto rate = [&](const char* trace, int step, int label) {
    ratings.Add(ratings.Unit({ratings.Trace(trace), step, 1, 0, ""}), {a, label, {}});
  };
  rate("no step 0", 1, 1);
  rate("no step 1", 0, 0);
  rate("no step 1", 2, 1);
  rate("error before", 0, 1);
  rate("error before", 2, 0);
  const auto first = FirstErrors(ratings, {false, true});
  EXPECT_THAT(first[0], ElementsAre(Index()));
  EXPECT_THAT(first[1], ElementsAre(Index()));
  EXPECT_THAT(first[2], ElementsAre(Index(0)));
}

}  // namespace
}  // namespace prm
