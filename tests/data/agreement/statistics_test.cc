#include "data/agreement/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/data/agreement/golden_ratings.h"
#include "tests/error_of.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

constexpr double kTolerance = 1e-5;

AgreementSums SumsOfAll(const Ratings& ratings) {
  return SumsOf(CountLabels(ratings, SameLabels(ratings)));
}

double Alpha(const Ratings& ratings, LabelDistance::Kind kind = LabelDistance::Kind::kNominal) {
  return KrippendorffAlpha(SumsOfAll(ratings), {kind}).value.value();
}

// For two annotators with a unit in common.
Statistic CohenOf(const Ratings& ratings, int a, int b) {
  return CohenKappa(PairTables(ratings).at({a, b}), int(ratings.labels().size()));
}
double Cohen(const Ratings& ratings, int a, int b) { return CohenOf(ratings, a, b).value.value(); }

// |i - j|^power.
std::vector<double> Disagreement(int labels, int power) {
  std::vector<double> weights;
  for (int i = 0; i < labels; ++i) {
    for (int j = 0; j < labels; ++j) weights.push_back(std::pow(std::abs(i - j), power));
  }
  return weights;
}

TEST(Statistics, FourRatersWithMissingRatings) {
  const AgreementSums sums = SumsOfAll(K12());
  EXPECT_NEAR(PercentAgreement(sums).value.value(), .818182, kTolerance);
  EXPECT_NEAR(Alpha(K12()), .743421, kTolerance);
  EXPECT_NEAR(Alpha(K12(), LabelDistance::Kind::kOrdinal), .815388, kTolerance);
  EXPECT_NEAR(Alpha(K12(), LabelDistance::Kind::kInterval), .849107, kTolerance);
  EXPECT_NEAR(FleissKappa(sums).value.value(), .76117, kTolerance);
  EXPECT_NEAR(GwetAc1(sums).value.value(), .77544, kTolerance);
}

TEST(Statistics, ThreeRatersOfTwentySteps) {
  const AgreementSums sums = SumsOfAll(S20());
  EXPECT_NEAR(PercentAgreement(sums).value.value(), .766667, kTolerance);
  EXPECT_NEAR(FleissKappa(sums).value.value(), .564767, kTolerance);
  EXPECT_NEAR(Alpha(S20()), .572021, kTolerance);
  EXPECT_NEAR(GwetAc1(sums).value.value(), .715900, kTolerance);
  EXPECT_NEAR(Cohen(S20(), 0, 1), .732143, kTolerance);
  EXPECT_NEAR(Cohen(S20(), 0, 2), .609756, kTolerance);
  EXPECT_NEAR(Cohen(S20(), 1, 2), .357798, kTolerance);
  EXPECT_NEAR(Alpha(S20(), LabelDistance::Kind::kOrdinal), .628222, kTolerance);
}

TEST(Statistics, OneLabelAgainstTheRest) {
  const AgreementSums sums = SumsOf(CountLabels(S20(), {{0, 0, 1, 0}, 2}));
  EXPECT_NEAR(FleissKappa(sums).value.value(), .56731, kTolerance);
  EXPECT_NEAR(KrippendorffAlpha(sums).value.value(), .57452, kTolerance);
  EXPECT_NEAR(GwetAc1(sums).value.value(), .86994, kTolerance);
}

TEST(Statistics, KappaCollapsesWhereOneLabelIsRareAndAc1DoesNot) {
  const AgreementSums sums = SumsOfAll(Paradox());
  EXPECT_NEAR(PercentAgreement(sums).value.value(), .944, kTolerance);
  EXPECT_NEAR(Cohen(Paradox(), 0, 1), -.02339, kTolerance);
  EXPECT_NEAR(KrippendorffAlpha(sums).value.value(), -.02469, kTolerance);
  EXPECT_NEAR(GwetAc1(sums).value.value(), .94078, kTolerance);
}

TEST(Statistics, TwoByTwo) {
  const double table[] = {20, 5, 10, 15};
  EXPECT_NEAR(CohenKappa(table, 2).value.value(), .4, kTolerance);
  const Ratings ratings = RatingsOf(
      {"0", "1"}, {std::string(25, '0') + std::string(25, '1'),
                   std::string(20, '0') + "11111" + std::string(10, '0') + std::string(15, '1')});
  EXPECT_NEAR(GwetAc1(SumsOfAll(ratings)).value.value(), .405941, kTolerance);
  EXPECT_NEAR(PairAgreement(table, 2).value.value(), .7, 1e-12);
}

// With two raters and no missing rating: 2 n_both / (n_a + n_b).
TEST(Statistics, SpecificAgreementIsTwiceBothOverTheMarginals) {
  const AgreementSums sums = SumsOfAll(Paradox());
  EXPECT_NEAR(SpecificAgreement(sums, 1).value.value(), 2 * 118.0 / (123 + 120), 1e-12);
  EXPECT_NEAR(SpecificAgreement(sums, 0).value.value(), 0, 1e-12);
  // Three raters of two units, pooled over pairs: 0: (2 + 6) / (2*2 + 3*2).
  const AgreementSums three = SumsOfAll(RatingsOf({"0", "1"}, {"00", "00", "10"}));
  EXPECT_NEAR(SpecificAgreement(three, 0).value.value(), 8.0 / 10, 1e-12);
}

// Cohen 1968 by hand: rows (2, 1, 0), (0, 1, 1), (0, 0, 1) of 6; columns 2, 2, 2.
TEST(Statistics, WeightedKappaByHand) {
  const double table[] = {2, 1, 0, 0, 1, 1, 0, 0, 1};
  // Linear: observed 2; expected (3*2*1 + 3*2*2 + 2*2*1 + 2*2*1 + 1*2*2 + 1*2*1) / 6 = 32 / 6.
  EXPECT_NEAR(CohenKappa(table, 3, Disagreement(3, 1)).value.value(), 1 - 2 / (32.0 / 6), 1e-12);
  // Quadratic: expected (6 + 24 + 4 + 4 + 8 + 2) / 6 = 48 / 6.
  EXPECT_NEAR(CohenKappa(table, 3, Disagreement(3, 2)).value.value(), 1 - 2 / 8.0, 1e-12);
  const std::vector<double> nominal = {0, 1, 1, 1, 0, 1, 1, 1, 0};
  EXPECT_EQ(CohenKappa(table, 3, nominal).value, CohenKappa(table, 3).value);
}

TEST(Statistics, AMatrixOfDistancesSaysWhatTheNamedOnesSay) {
  const AgreementSums sums = SumsOfAll(K12());
  using Kind = LabelDistance::Kind;
  LabelDistance nominal{Kind::kMatrix, {}, std::vector<double>(25, 1)};
  for (size_t i = 0; i < 5; ++i) nominal.squared[i * 6] = 0;
  EXPECT_EQ(KrippendorffAlpha(sums, nominal).value, KrippendorffAlpha(sums).value);
  const LabelDistance squares{Kind::kMatrix, {}, Disagreement(5, 2)};
  EXPECT_EQ(KrippendorffAlpha(sums, squares).value,
            KrippendorffAlpha(sums, {Kind::kInterval}).value);
  EXPECT_NEAR(KrippendorffAlpha(sums, {Kind::kInterval, {10, 20, 30, 40, 50}}).value.value(),
              .849107, kTolerance);
}

// --- invariances --------------------------------------------------------------------------------

struct RandomRatings {
  std::vector<std::string> rows;  // one per annotator
  int labels = 4;
};

RandomRatings Random(uint64_t seed) {
  std::mt19937_64 engine(seed);
  RandomRatings random;
  random.rows.assign(2 + engine() % 4, std::string(5 + engine() % 30, '.'));
  for (size_t u = 0; u < random.rows[0].size(); ++u) {
    const char truth = char('0' + engine() % 4);
    for (std::string& row : random.rows) {
      if (engine() % 5 == 0) continue;
      row[u] = engine() % 3 == 0 ? char('0' + engine() % 4) : truth;
    }
  }
  return random;
}

Ratings Build(const RandomRatings& random) {
  return RatingsOf({"0", "1", "2", "3"}, {random.rows.begin(), random.rows.end()});
}

// All statistics that do not depend on the order of labels.
std::vector<std::optional<double>> NominalStatistics(const Ratings& ratings) {
  const AgreementSums sums = SumsOfAll(ratings);
  return {PercentAgreement(sums).value, FleissKappa(sums).value, GwetAc1(sums).value,
          KrippendorffAlpha(sums).value};
}

void ExpectSame(const std::vector<std::optional<double>>& a,
                const std::vector<std::optional<double>>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].has_value(), b[i].has_value()) << i;
    if (a[i]) {
      EXPECT_NEAR(*a[i], *b[i], 1e-12) << i;
    }
  }
}

TEST(Statistics, OrderOfRatersAndUnitsDoesNotMatter) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    RandomRatings random = Random(seed);
    const Ratings before = Build(random);
    const double cohen = CohenOf(before, 0, 1).value.value_or(-9);
    std::mt19937_64 engine(seed);
    std::vector<size_t> order(random.rows[0].size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::shuffle(order.begin(), order.end(), engine);
    for (std::string& row : random.rows) {
      std::string moved;
      for (const size_t u : order) moved += row[u];
      row = moved;
    }
    std::swap(random.rows[0], random.rows[1]);
    const Ratings after = Build(random);
    ExpectSame(NominalStatistics(before), NominalStatistics(after));
    EXPECT_NEAR(cohen, CohenOf(after, 0, 1).value.value_or(-9), 1e-12);
    EXPECT_NEAR(
        KrippendorffAlpha(SumsOfAll(before), {LabelDistance::Kind::kOrdinal}).value.value_or(-9),
        KrippendorffAlpha(SumsOfAll(after), {LabelDistance::Kind::kOrdinal}).value.value_or(-9),
        1e-12);
  }
}

TEST(Statistics, NamesOfLabelsDoNotMatter) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    RandomRatings random = Random(seed);
    const Ratings before = Build(random);
    for (std::string& row : random.rows) {
      for (char& label : row) {
        if (label != '.') label = "2031"[label - '0'];
      }
    }
    ExpectSame(NominalStatistics(before), NominalStatistics(Build(random)));
  }
}

TEST(Statistics, ReversingAScaleKeepsTheOrdinalAlpha) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    RandomRatings random = Random(seed);
    const AgreementSums before = SumsOfAll(Build(random));
    for (std::string& row : random.rows) {
      for (char& label : row) {
        if (label != '.') label = char('0' + ('3' - label));
      }
    }
    const AgreementSums after = SumsOfAll(Build(random));
    for (const auto kind : {LabelDistance::Kind::kOrdinal, LabelDistance::Kind::kInterval}) {
      EXPECT_NEAR(KrippendorffAlpha(before, {kind}).value.value_or(-9),
                  KrippendorffAlpha(after, {kind}).value.value_or(-9), 1e-9);
    }
  }
}

TEST(Statistics, AUnitRatedOnceChangesNoAlpha) {
  const double before = Alpha(S20());
  Ratings ratings = S20();
  ratings.Add(ratings.Unit({ratings.Trace("alone"), 0, 1, 0, ""}), {0, 3, {}});
  EXPECT_NEAR(Alpha(ratings), before, 1e-12);
}

TEST(Statistics, AWiderDeclaredSetChangesAc1Alone) {
  const Ratings narrow = RatingsOf({"0", "1"}, {"00110", "01110"});
  const Ratings wide = RatingsOf({"0", "1", "2"}, {"00110", "01110"});
  EXPECT_NEAR(Alpha(narrow), Alpha(wide), 1e-12);
  EXPECT_GT(GwetAc1(SumsOfAll(wide)).value.value(), GwetAc1(SumsOfAll(narrow)).value.value());
}

TEST(Statistics, SumsOfTracesAddUpToTheWhole) {
  const Ratings ratings = K12();
  const LabelCounts counts = CountLabels(ratings, SameLabels(ratings));
  const std::vector<double> rows = SumsByTrace(counts);
  const size_t width = AgreementSums::SizeOf(5);
  ASSERT_EQ(rows.size(), 12 * width);
  std::vector<double> sum(width, 0);
  for (size_t i = 0; i < rows.size(); ++i) sum[i % width] += rows[i];
  EXPECT_NEAR(KrippendorffAlpha(AgreementSums(5, sum)).value.value(), .743421, kTolerance);
}

// --- undefined ----------------------------------------------------------------------------------

TEST(Statistics, UndefinedHasAReasonAndNoNumber) {
  struct Case {
    const char* name;
    std::vector<std::string_view> rows;
    std::string_view why;
  };
  const std::vector<Case> cases = {
      {"one rater", {"0123"}, "no unit has two ratings"},
      {"no unit", {"", ""}, "no unit has two ratings"},
      {"never overlap", {"01..", "..23"}, "no unit has two ratings"},
      {"one label", {"000", "000"}, "all ratings have the same label"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Ratings ratings = RatingsOf({"0", "1", "2", "3"}, c.rows);
    const AgreementSums sums = SumsOfAll(ratings);
    for (const Statistic& statistic : {FleissKappa(sums), KrippendorffAlpha(sums)}) {
      EXPECT_EQ(statistic.value, std::nullopt);
      EXPECT_THAT(statistic.why, HasSubstr(c.why));
    }
  }
  const AgreementSums none = SumsOfAll(RatingsOf({"0", "1"}, {"", ""}));
  EXPECT_EQ(PercentAgreement(none).value, std::nullopt);
  EXPECT_EQ(GwetAc1(none).why, "no unit has a rating");
  const AgreementSums same = SumsOfAll(RatingsOf({"0", "1"}, {"000", "000"}));
  EXPECT_EQ(PercentAgreement(same).value, 1);
  EXPECT_EQ(GwetAc1(same).value, 1);
  EXPECT_EQ(SpecificAgreement(same, 0).value, 1);
  EXPECT_THAT(SpecificAgreement(same, 1).why, HasSubstr("nobody gave this label"));
  EXPECT_THAT(GwetAc1(SumsOfAll(RatingsOf({"0"}, {"00", "00"}))).why, HasSubstr("one label"));
  const double empty[] = {0, 0, 0, 0};
  EXPECT_THAT(CohenKappa(empty, 2).why, HasSubstr("no unit in common"));
  const double one[] = {7, 0, 0, 0};
  EXPECT_THAT(CohenKappa(one, 2).why, HasSubstr("same label"));
}

TEST(Statistics, WeightsThatAreNoDistanceAreRefused) {
  const AgreementSums sums = SumsOfAll(S20());
  using Kind = LabelDistance::Kind;
  const auto alpha = [&](LabelDistance distance) {
    return MessageOf([&] { KrippendorffAlpha(sums, distance); }, ErrorCode::kInvalidArgument);
  };
  EXPECT_THAT(alpha({Kind::kMatrix, {}, {0, 1, 1, 0}}), HasSubstr("matrix of 4 x 4"));
  EXPECT_THAT(alpha({Kind::kMatrix, {}, std::vector<double>(16, 1)}), HasSubstr("zero on the"));
  EXPECT_THAT(alpha({Kind::kInterval, {1, 2}}), HasSubstr("expected 4 values, got 2"));
  const double table[] = {1, 2, 3, 4};
  const double negative[] = {0, -1, 1, 0};
  EXPECT_THAT(MessageOf([&] { CohenKappa(table, 2, negative); }), HasSubstr("not negative"));
  EXPECT_THAT(MessageOf([&] { CohenKappa(table, 3); }), HasSubstr("expected 9 cells"));
}

TEST(Statistics, BandsHaveTheirPublishedBorders) {
  EXPECT_EQ(KrippendorffBand(.800), "rely");
  EXPECT_EQ(KrippendorffBand(.799), "tentative");
  EXPECT_EQ(KrippendorffBand(.667), "tentative");
  EXPECT_EQ(KrippendorffBand(.666), "reject");
  EXPECT_EQ(LandisKochBand(-.01), "poor");
  EXPECT_EQ(LandisKochBand(.41), "moderate");
  EXPECT_EQ(LandisKochBand(.61), "substantial");
  EXPECT_EQ(LandisKochBand(.81), "almost perfect");
}

TEST(Ratings, ASecondRatingOfAUnitByTheSameAnnotatorIsRefused) {
  Ratings ratings({"x", "y"});
  const int unit = ratings.Unit({ratings.Trace("p17"), 3, 2, 0, ""});
  const int annotator = ratings.Annotator("ann");
  ratings.Add(unit, {annotator, 0, {}});
  EXPECT_EQ(MessageOf(
                [&] {
                  ratings.Add(unit, {annotator, 0, {}});
                },
                ErrorCode::kAlreadyExists),
            "annotator \"ann\" has rated step 3 of trace p17, text version 2 already");
}

// Guards against pooling by step number: two raters in full conflict must not appear to agree.
TEST(Ratings, StepsOfDifferentTracesAndVersionsAreDifferentUnits) {
  Ratings ratings({"x", "y"});
  const int a = ratings.Annotator("a"), b = ratings.Annotator("b");
  for (int t = 0; t < 6; ++t) {
    const int unit = ratings.Unit({ratings.Trace("t" + std::to_string(t)), 0, 1, 0, ""});
    ratings.Add(unit, {a, t % 2, {}});
    ratings.Add(unit, {b, t == 5 ? t % 2 : 1 - t % 2, {}});
  }
  EXPECT_EQ(ratings.units().size(), 6u);
  EXPECT_LT(Cohen(ratings, a, b), 0);
  EXPECT_NE(ratings.Unit({0, 0, 2, 0, ""}), ratings.Unit({0, 0, 1, 0, ""}));
  EXPECT_EQ(ratings.FindUnit("t3", 0, 1), 3);
  EXPECT_EQ(ratings.FindUnit("t3", 1, 1), std::nullopt);
  EXPECT_EQ(ratings.FindUnit("t9", 0, 1), std::nullopt);
}

TEST(Ratings, OnlyPairsWithAUnitInCommonHaveATable) {
  const Ratings ratings = RatingsOf({"0", "1"}, {"0011.", "01000", "....1"});
  EXPECT_EQ(PairTables(ratings).at({0, 1}), (std::vector<double>{1, 1, 2, 0}));
  EXPECT_FALSE(PairTables(ratings).contains({0, 2})) << "no unit in common";
  EXPECT_EQ(PairTables(ratings).size(), 2u);
}

TEST(Ratings, TheRawMatrixIsALineAUnit) {
  Ratings ratings({"x", "y,\"z\""});
  const int unit = ratings.Unit({ratings.Trace("t,1"), 4, 2, 0, ""});
  ratings.Add(unit, {ratings.Annotator("a"), std::nullopt, {}});
  ratings.Annotator("b");
  ratings.Add(unit, {ratings.Annotator("c"), 1, {}});
  EXPECT_EQ(RatingsCsv(ratings),
            "trace,step,text_version,\"a\",\"b\",\"c\"\r\n"
            "\"t,1\",4,2,,,\"y,\"\"z\"\"\"\r\n");
}

TEST(Ratings, ADeclaredSetHasDistinctLabels) {
  EXPECT_THAT(MessageOf([] { Ratings({"x", "x"}); }), HasSubstr("\"x\" is declared twice"));
  EXPECT_THAT(MessageOf([] { Ratings({}); }), HasSubstr("at least one"));
}

}  // namespace
}  // namespace prm
