#include "data/agreement/agreement_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/data/agreement/golden_ratings.h"

namespace prm {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const ShownStatistic& Shown(const AgreementReport& report, const std::string& key) {
  for (const ShownStatistic& shown : report.statistics) {
    if (shown.key == key) return shown;
  }
  ADD_FAILURE() << key;
  return report.statistics.front();
}

TEST(AgreementReport, ShowsEveryStatisticOfFourLabels) {
  const AgreementReport report = MakeAgreementReport(S20(), std::nullopt);
  EXPECT_NEAR(*Shown(report, "alpha_nominal").statistic.value, .572021, 1e-5);
  EXPECT_NEAR(*Shown(report, "ac1").statistic.value, .7159, 1e-5);
  EXPECT_NEAR(*Shown(report, "alpha_incorrect").statistic.value, .57452, 1e-5);
  EXPECT_NEAR(*Shown(report, "ac1_incorrect").statistic.value, .86994, 1e-5);
  EXPECT_EQ(Shown(report, "alpha_nominal").band, "reject");
  EXPECT_EQ(Shown(report, "fleiss").band, "moderate");
  for (const ShownStatistic& shown : report.statistics) {
    if (!shown.interval.low) continue;
    EXPECT_LE(*shown.interval.low, *shown.statistic.value + 1e-12) << shown.key;
    EXPECT_GE(*shown.interval.high, *shown.statistic.value - 1e-12) << shown.key;
  }
  EXPECT_EQ(report.label_counts, (std::vector<int64_t>{39, 7, 8, 6}));
  // Every unordered pair of ratings of a step is counted twice.
  double pairs = 0;
  for (const double cell : report.confusion) pairs += cell;
  EXPECT_EQ(pairs, 20 * 3 * 2);
}

// Necessary against redundant: of S20 the steps without a 2 or 3, by hand.
TEST(AgreementReport, NecessityIsJudgedWhereAllSayValid) {
  const Ratings valid =
      RatingsOf({"0", "1"}, {"0000000100010000", "0000100100000000", "0010000100010000"});
  const Ratings all =
      RatingsOf({"correct_necessary", "correct_redundant", "incorrect", "incomplete"},
                {"000000010001000023", "000010010000000010", "001000010001000000"});
  const AgreementReport report = MakeAgreementReport(all, std::nullopt);
  const AgreementSums sums = SumsOf(CountLabels(valid, SameLabels(valid)));
  EXPECT_NEAR(*Shown(report, "alpha_necessity").statistic.value, *KrippendorffAlpha(sums).value,
              1e-12);
  EXPECT_NEAR(*Shown(report, "ac1_necessity").statistic.value, *GwetAc1(sums).value, 1e-12);
}

// -1 < 0 < +1 is incorrect, redundant, necessary; incomplete has no position.
TEST(AgreementReport, TheScaleLeavesIncompleteOut) {
  const Ratings four =
      RatingsOf({"correct_necessary", "correct_redundant", "incorrect", "incomplete"},
                {"0011223300", "0101223013"});
  const Ratings scale = RatingsOf({"-1", "0", "+1"}, {"221100..22", "212100.21."});
  const AgreementSums sums = SumsOf(CountLabels(scale, SameLabels(scale)));
  EXPECT_NEAR(*Shown(MakeAgreementReport(four, std::nullopt), "alpha_ordinal").statistic.value,
              *KrippendorffAlpha(sums, {LabelDistance::Kind::kOrdinal}).value, 1e-12);
}

TEST(AgreementReport, WorstStepsComeFirst) {
  const AgreementReport report =
      MakeAgreementReport(RatingsOf({"0", "1", "2"}, {"0001", "0112", "0020"}), std::nullopt);
  ASSERT_EQ(report.worst.size(), 3u);
  EXPECT_EQ(report.worst[0].unit, 2);
  EXPECT_EQ(report.worst[0].agreement, 0);
  EXPECT_EQ(report.worst[1].unit, 3);
  EXPECT_NEAR(report.worst[2].agreement, 1 / 3.0, 1e-12);
}

TEST(AgreementReport, DisagreementsOfMajorityAndModelAreListed) {
  const AgreementReport report = MakeAgreementReport(S20(), std::nullopt);
  EXPECT_FALSE(report.aggregation.is_dawid_skene);
  EXPECT_EQ(report.aggregation.units, 20);
  EXPECT_EQ(report.aggregation.same + report.aggregation.different + report.aggregation.ties, 20);
  const AgreementReport tie =
      MakeAgreementReport(RatingsOf({"0", "1"}, {"0010", "0011"}), std::nullopt);
  EXPECT_EQ(tie.aggregation.ties, 1);
  ASSERT_FALSE(tie.aggregation.items.empty());
  EXPECT_EQ(tie.aggregation.items[0].majority, std::nullopt);
}

TEST(AgreementReport, GoldFeedsTheGate) {
  const Ratings ratings = S20();
  Gold gold;
  gold.labels.assign(20, std::nullopt);
  for (size_t u = 0; u < 10; ++u) gold.labels[u] = u == 5 ? 2 : 0;
  gold.set = {10, 10, {9, 0, 1, 0}, std::nullopt, std::nullopt};
  const AgreementReport report = MakeAgreementReport(ratings, gold);
  EXPECT_EQ(Together(report.group_rules), RuleVerdict::kInsufficient);
  ASSERT_EQ(report.person_rules.size(), 3u);
  // The first annotator answers 3 and 1 for gold 0.
  EXPECT_EQ(report.person_rules[0].rules[0].value, 8 / 10.0);
  EXPECT_EQ(report.gold_units, 10);
}

TEST(AgreementReport, NothingOfItNeedsAnOverlapOrAUnit) {
  const std::vector<std::string> four = {"correct_necessary", "correct_redundant", "incorrect",
                                         "incomplete"};
  for (const Ratings& ratings : {Ratings(four), Ratings({"x"}), RatingsOf(four, {"0123"}),
                                 RatingsOf(four, {"000", "000"}), RatingsOf(four, {"01..", "..23"}),
                                 RatingsOf(four, {"....", "...."}), RatingsOf(four, {"0", "1"})}) {
    const AgreementReport report = MakeAgreementReport(ratings, std::nullopt);
    const auto json = nlohmann::json::parse(AgreementJson(report, ratings));
    const auto& alpha = json.at("statistics").at("alpha_nominal");
    if (alpha.at("value").is_null()) {
      EXPECT_NE(alpha.at("undefined").get<std::string>(), "");
      EXPECT_THAT(AgreementText(report, ratings), HasSubstr("undefined: "));
      EXPECT_THAT(AgreementHtml(report, ratings, "r"), HasSubstr("undefined: "));
    }
    EXPECT_NE(Together(report.group_rules), RuleVerdict::kPassed);
    EXPECT_THAT(AgreementHtml(report, ratings, "r"), Not(HasSubstr("nan")));
  }
}

TEST(AgreementReport, TheSameRatingsGiveTheSameBytes) {
  const Ratings ratings = S20();
  const AgreementReport one = MakeAgreementReport(ratings, std::nullopt);
  const AgreementReport two = MakeAgreementReport(ratings, std::nullopt);
  EXPECT_EQ(AgreementJson(one, ratings), AgreementJson(two, ratings));
  ReportOptions other;
  other.bootstrap.seed = 2;
  EXPECT_NE(AgreementJson(one, ratings),
            AgreementJson(MakeAgreementReport(ratings, std::nullopt, other), ratings));
}

TEST(AgreementReport, IdsBecomeNoMarkup) {
  Ratings ratings({"<i>", "y"});
  const int unit = ratings.Unit({ratings.Trace("<b>"), 0, 1, 0, "<u>"});
  ratings.Add(unit, {ratings.Annotator("<s>"), 0, {}});
  ratings.Add(unit, {ratings.Annotator("<q>"), 1, {}});
  const ReviewRanking ranking = RankForReview(ratings, std::vector<double>{.5, .5});
  const std::string html =
      AgreementHtml(MakeAgreementReport(ratings, std::nullopt), ratings, "<a>", &ranking);
  for (const char* tag : {"<i>", "<b>", "<u>", "<s>", "<q>", "<a>"}) {
    EXPECT_THAT(html, Not(HasSubstr(tag)));
  }
  EXPECT_THAT(html, HasSubstr("Order of review"));
}

}  // namespace
}  // namespace prm
