#include "data/agreement/aggregation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/data/agreement/golden_ratings.h"
#include "tests/error_of.h"

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Indices of S20's steps: 001 is 2, 010 is 3, 330 is 7, 101 is 13, 020 is 18.
constexpr size_t k001 = 2, k330 = 7, k101 = 13, k020 = 18;

TEST(DawidSkene, SmoothedPosteriorsOfTwentySteps) {
  const Posteriors model = DawidSkene(S20());
  EXPECT_NEAR(model.Of(k330)[3], .8499, 5e-5);
  EXPECT_NEAR(model.Of(k101)[1], .7634, 5e-5);
  EXPECT_NEAR(model.Of(k001)[0], .9434, 5e-5);
  EXPECT_NEAR(model.Of(k020)[0], .9330, 5e-5);
  EXPECT_EQ(model.iterations, 21);
  EXPECT_TRUE(model.converged);
}

TEST(DawidSkene, ProbabilitiesSumToOne) {
  for (const Posteriors& model : {DawidSkene(S20()), OneCoin(S20())}) {
    for (size_t u = 0; u < 20; ++u) {
      double sum = 0;
      for (const double p : model.Of(u)) sum += p;
      EXPECT_NEAR(sum, 1, 1e-12);
    }
    for (size_t row = 0; row < 3 * 4; ++row) {
      double sum = 0;
      for (size_t j = 0; j < 4; ++j) sum += model.confusion[row * 4 + j];
      EXPECT_NEAR(sum, 1, 1e-12);
    }
  }
}

TEST(DawidSkene, GoldIsClampedAndTeachesOthers) {
  const Ratings ratings = S20();
  GoldLabels gold(20);
  gold[k330] = 0;
  const Posteriors model = DawidSkene(ratings, gold);
  EXPECT_EQ(model.Of(k330)[0], 1);
  EXPECT_EQ(model.Of(k330)[3], 0);
  // Two raters wrongly answered 3, so their 3 weighs less elsewhere.
  EXPECT_LT(model.confusion[0 * 16 + 0 * 4 + 0], DawidSkene(ratings).confusion[0 * 16 + 0 * 4 + 0]);
}

TEST(DawidSkene, BeatsTheMajorityWhereOneRaterIsGood) {
  std::mt19937_64 engine(3);
  std::vector<std::string> rows(3);
  std::string truth;
  for (int u = 0; u < 600; ++u) {
    truth += char('0' + engine() % 2);
    rows[0] += engine() % 100 < 95 ? truth.back() : char('0' + ('1' - truth.back()));
    for (int r = 1; r < 3; ++r) {
      rows[size_t(r)] += engine() % 100 < 58 ? truth.back() : char('0' + ('1' - truth.back()));
    }
  }
  const Ratings ratings = RatingsOf({"0", "1"}, {rows.begin(), rows.end()});
  const auto votes = Majority(ratings);
  for (const Posteriors& model : {DawidSkene(ratings), OneCoin(ratings)}) {
    int by_model = 0, by_vote = 0;
    for (size_t u = 0; u < truth.size(); ++u) {
      by_model += (model.Of(u)[1] > .5) == (truth[u] == '1');
      by_vote += votes[u].label == truth[u] - '0';
    }
    EXPECT_GT(by_model, by_vote + 30);
  }
}

TEST(DawidSkene, OrderOfRatersDoesNotMatter) {
  const Ratings one = RatingsOf({"0", "1", "2"}, {"0012210", "0112.10", "00.2010"});
  const Ratings other = RatingsOf({"0", "1", "2"}, {"00.2010", "0012210", "0112.10"});
  for (size_t i = 0; i < 21; ++i) {
    EXPECT_NEAR(DawidSkene(one).probs[i], DawidSkene(other).probs[i], 1e-9);
    EXPECT_NEAR(OneCoin(one).probs[i], OneCoin(other).probs[i], 1e-9);
  }
}

TEST(OneCoin, OneAccuracyARater) {
  const Posteriors model = OneCoin(S20());
  for (size_t r = 0; r < 3; ++r) {
    for (size_t k = 1; k < 4; ++k) {
      EXPECT_EQ(model.confusion[r * 16 + k * 5], model.confusion[r * 16]);
    }
    EXPECT_NEAR(model.confusion[r * 16 + 1], (1 - model.confusion[r * 16]) / 3, 1e-12);
  }
  // A single rater, certain gold: hits 3 of 4, smoothed by 4 and 1.
  const Ratings one = RatingsOf({"0", "1"}, {"0011"});
  const Posteriors clamped = OneCoin(one, {0, 0, 1, 0});
  EXPECT_NEAR(clamped.confusion[0], (3 + 4.0) / (4 + 5), 1e-12);
}

TEST(Aggregation, AConfusionMatrixTakesThirtyUnitsOfEveryRater) {
  const std::string thirty(30, '0'), fewer = std::string(29, '1') + ".";
  EXPECT_TRUE(AggregateLabels(RatingsOf({"0", "1"}, {thirty, thirty})).is_dawid_skene);
  const Aggregation few = AggregateLabels(RatingsOf({"0", "1"}, {thirty, fewer}));
  EXPECT_FALSE(few.is_dawid_skene);
  EXPECT_THAT(few.why, HasSubstr("annotator b labelled 29 units"));
  EXPECT_FALSE(AggregateLabels(Ratings({"0", "1"})).is_dawid_skene);
}

TEST(Aggregation, ImpossibleOptionsAreRefused) {
  EXPECT_THAT(MessageOf([] { DawidSkene(S20(), {}, {0, 1, 1}); }), HasSubstr("above 0"));
  EXPECT_THAT(MessageOf([] { DawidSkene(S20(), {1}); }), HasSubstr("expected 20 labels, got 1"));
}

TEST(Majority, TiesGoToAdjudication) {
  const auto votes = Majority(RatingsOf({"0", "1", "2"}, {"01.00", "01.11", "02.2."}));
  EXPECT_EQ(votes[0].label, 0);
  EXPECT_EQ(votes[0].share, 1);
  EXPECT_EQ(votes[1].label, 1);
  EXPECT_FALSE(votes[1].is_tie);
  EXPECT_EQ(votes[2].label, std::nullopt);
  EXPECT_FALSE(votes[2].is_tie);
  EXPECT_EQ(votes[3].label, std::nullopt);
  EXPECT_TRUE(votes[3].is_tie);
  EXPECT_EQ(votes[4].label, std::nullopt);
  EXPECT_TRUE(votes[4].is_tie);
  EXPECT_EQ(votes[4].share, .5);
}

// By hand: units 00, 11, 01 (a tie that the model breaks), 0. (rated once).
TEST(ReviewRanking, WeightsAndPosteriorsByHand) {
  const Ratings ratings = RatingsOf({"0", "1"}, {"0100", "011."});
  const std::vector<double> model = {.9, .1, .2, .8, .4, .6, .5, .5};
  const ReviewRanking ranking = RankForReview(ratings, model);
  // Consensus of the three co-rated units: 0, 1, 1. The common label 1 has an error of 1/3; each
  // rater agrees with the other on 2 of 3, an error of 1/3: weight 1 - 1, the least. The model is
  // right on all three: weight 1, times the root of 7 ratings over 4 units.
  EXPECT_NEAR(ranking.consensus_likelihood, (1 + 1 + .5) / 3, 1e-12);
  EXPECT_NEAR(ranking.rater_weights[0], 1e-6, 1e-12);
  EXPECT_NEAR(ranking.model_weight, std::sqrt(7.0 / 4), 1e-12);
  std::vector<int> order;
  for (const auto& item : ranking.items) order.push_back(item.unit);
  EXPECT_THAT(order, ElementsAre(3, 2, 1, 0));
  EXPECT_EQ(ranking.items[1].consensus, 1);
  EXPECT_NEAR(ranking.items[3].quality, .9, 1e-5);
}

TEST(ReviewRanking, ARaterBetterThanTheCommonLabelHasWeight) {
  const Ratings ratings = RatingsOf({"0", "1"}, {"00110", "00111"});
  const std::vector<double> model = {.5, .5, .5, .5, .5, .5, .5, .5, .4, .6};
  const ReviewRanking ranking = RankForReview(ratings, model);
  // Agreement 4/5; the common label 1 (3 of 5) has an error of 2/5: weight 1 - (1/5) / (2/5).
  EXPECT_NEAR(ranking.rater_weights[0], .5, 1e-12);
  EXPECT_NEAR(ranking.consensus_likelihood, 4.5 / 5, 1e-12);
  EXPECT_EQ(ranking.items.front().unit, 4);
  // The model is no better than the common label, so only the raters count, for 0: each as likely
  // as ratings equal the consensus.
  EXPECT_EQ(ranking.items[1].unit, 0);
  EXPECT_NEAR(ranking.items[1].quality, .9, 1e-5);
}

TEST(ReviewRanking, ProbabilitiesThatAreNoneAreRefused) {
  const Ratings ratings = RatingsOf({"0", "1"}, {"01"});
  const std::vector<double> few = {.5, .5}, wrong = {.5, .5, 2, -1};
  EXPECT_THAT(MessageOf([&] { RankForReview(ratings, few); }), HasSubstr("expected 4, got 2"));
  EXPECT_THAT(MessageOf([&] { RankForReview(ratings, wrong); }), HasSubstr("got 2"));
}

}  // namespace
}  // namespace prm
