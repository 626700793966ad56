// What one annotator's work looks like beside gold and beside the others.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/agreement/aggregation.h"
#include "data/agreement/statistics.h"

namespace prm {

// Hits of tries, with its interval.
struct Rate {
  int64_t hits = 0;
  int64_t tries = 0;
  std::optional<double> value() const {
    if (tries == 0) return std::nullopt;
    return double(hits) / double(tries);
  }
};
struct RateInterval {
  double low = 0, high = 1;
};
// 95 % interval; [0, 1] of no tries. Source: Wilson 1927, "Probable inference, the law of
// succession, and statistical inference".
RateInterval WilsonInterval(const Rate& rate);

struct AnnotatorCard {
  int annotator = 0;                   // index into Ratings::annotators()
  int64_t labelled = 0;                // steps
  int64_t not_labelled = 0;            // looked at and not labelled: unsure, gave up
  int64_t traces = 0;                  // with a label
  std::vector<int64_t> label_counts;   // [labels]
  Rate gold;                           // equal to gold
  Rate gold_incorrect;                 // of gold `incorrect`: called so (recall)
  Rate false_alarms;                   // of other gold: called `incorrect`
  std::vector<double> gold_confusion;  // [gold][given]
  // Leave-one-out: mean over co-rated units of the share of the others with the same label.
  Statistic with_others;
  // Active time; of the labels that have one.
  int64_t timed = 0;
  double seconds = 0;
  std::optional<double> median_seconds;
  // Reading floor of the timed steps whose words are known, words / 8 s, and how many were quicker.
  double floor_seconds = 0;
  double seconds_of_floored = 0;
  Rate below_floor;
};

// Words a second that nobody reads faster.
inline constexpr double kReadingWordsPerSecond = 8;

// One an annotator. `gold` [units] or empty; `incorrect`: that label, or nullopt where the set has
// none.
std::vector<AnnotatorCard> MakeCards(const Ratings& ratings, const GoldLabels& gold,
                                     std::optional<int> incorrect);

}  // namespace prm
