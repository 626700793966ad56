#include "data/agreement/annotator_card.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data/agreement/golden_ratings.h"

namespace prm {
namespace {

using ::testing::ElementsAre;

// Wilson 1927 as tabulated: 81 of 263 gives .2553 to .3662; 0 of 20 gives 0 to .1611.
TEST(AnnotatorCard, WilsonIntervals) {
  EXPECT_NEAR(WilsonInterval({81, 263}).low, .2553, 5e-5);
  EXPECT_NEAR(WilsonInterval({81, 263}).high, .3662, 5e-5);
  EXPECT_NEAR(WilsonInterval({0, 20}).low, 0, 1e-12);
  EXPECT_NEAR(WilsonInterval({0, 20}).high, .1611, 5e-5);
  EXPECT_EQ(WilsonInterval({0, 0}).low, 0);
  EXPECT_EQ(WilsonInterval({0, 0}).high, 1);
}

TEST(AnnotatorCard, RatesBesideGold) {
  // Gold 0 0 2 2 2 3; the annotator answers 0 2 2 2 3 3.
  const Ratings ratings = RatingsOf({"0", "1", "2", "3"}, {"022233"});
  const AnnotatorCard card = MakeCards(ratings, {0, 0, 2, 2, 2, 3}, 2)[0];
  EXPECT_EQ(card.gold.hits, 4);
  EXPECT_EQ(card.gold.tries, 6);
  EXPECT_EQ(card.gold_incorrect.hits, 2);
  EXPECT_EQ(card.gold_incorrect.tries, 3);
  EXPECT_EQ(card.false_alarms.hits, 1);
  EXPECT_EQ(card.false_alarms.tries, 3);
  EXPECT_THAT(card.label_counts, ElementsAre(1, 0, 3, 2));
  EXPECT_EQ(card.gold_confusion[0 * 4 + 2], 1);
  EXPECT_EQ(card.gold_confusion[2 * 4 + 3], 1);
  EXPECT_EQ(MakeCards(ratings, {}, 2)[0].gold.value(), std::nullopt);
  EXPECT_EQ(MakeCards(ratings, {0, 0, 2, 2, 2, 3}, std::nullopt)[0].false_alarms.tries, 0);
}

TEST(AnnotatorCard, AgreementWithTheOthersLeavesOneselfOut) {
  const auto cards = MakeCards(RatingsOf({"0", "1"}, {"0011", "0101", "00.."}), {}, {});
  // Shares of the others: unit 0: 1; unit 1: 1/2; unit 2: 0; unit 3: 1.
  EXPECT_NEAR(*cards[0].with_others.value, (1 + .5 + 0 + 1) / 4, 1e-12);
  EXPECT_NEAR(*cards[2].with_others.value, (1 + .5) / 2, 1e-12);
  const auto alone = MakeCards(RatingsOf({"0", "1"}, {"01..", "..01"}), {}, {});
  EXPECT_EQ(alone[0].with_others.value, std::nullopt);
  EXPECT_EQ(alone[0].with_others.why, "shares no unit with another annotator");
}

TEST(AnnotatorCard, TimeAndTheReadingFloor) {
  Ratings ratings({"0", "1"});
  const int a = ratings.Annotator("a");
  const double seconds[] = {1, 2, 10};
  for (int s = 0; s < 3; ++s) {
    ratings.Add(ratings.Unit({ratings.Trace("t"), s, 1, 12, "x"}), {a, 0, seconds[s]});
  }
  ratings.Add(ratings.Unit({ratings.Trace("u"), 0, 1, 0, ""}), {a, std::nullopt, 4.0});
  const AnnotatorCard card = MakeCards(ratings, {}, {})[0];
  EXPECT_EQ(card.labelled, 3);
  EXPECT_EQ(card.not_labelled, 1);
  EXPECT_EQ(card.traces, 1);
  EXPECT_EQ(card.timed, 4);
  EXPECT_EQ(card.seconds, 17);
  EXPECT_EQ(card.median_seconds, 3);
  EXPECT_EQ(card.below_floor.hits, 1);  // 12 words take 1.5 s
  EXPECT_EQ(card.below_floor.tries, 3);
  EXPECT_EQ(card.floor_seconds, 4.5);
  EXPECT_EQ(card.seconds_of_floored, 13);
}

}  // namespace
}  // namespace prm
