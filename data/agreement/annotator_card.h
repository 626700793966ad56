// One annotator's work compared with gold and with the other annotators.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/agreement/aggregation.h"
#include "data/agreement/statistics.h"

namespace prm {

// Hits out of tries, with an interval.
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
// 95 % interval; [0, 1] for zero tries. Source: Wilson 1927, "Probable inference, the law of
// succession, and statistical inference".
RateInterval WilsonInterval(const Rate& rate);

struct AnnotatorCard {
  int annotator = 0;                   // index into Ratings::annotators()
  int64_t labelled = 0;                // steps
  int64_t not_labelled = 0;            // seen but not labelled: unsure, gave up
  int64_t traces = 0;                  // with a label
  std::vector<int64_t> label_counts;   // [labels]
  Rate gold;                           // equal to gold
  Rate gold_incorrect;                 // gold `incorrect` that was labelled so (recall)
  Rate false_alarms;                   // gold of another label that was labelled `incorrect`
  std::vector<double> gold_confusion;  // [gold][given]
  // Leave-one-out: mean, over co-rated units, of the share of the others who gave the same label.
  Statistic with_others;
  // Labels with a recorded active time.
  int64_t timed = 0;
  double seconds = 0;
  std::optional<double> median_seconds;
  // Lower bound of the reading time of the timed steps whose word count is known (words / 8 s), and
  // how many steps took less.
  double floor_seconds = 0;
  double seconds_of_floored = 0;
  Rate below_floor;
};

// Words per second; nobody reads faster.
inline constexpr double kReadingWordsPerSecond = 8;

// One card per annotator. `gold` is [units] or empty. `incorrect` is the index of that label, or
// nullopt if the set does not contain it.
std::vector<AnnotatorCard> MakeCards(const Ratings& ratings, const GoldLabels& gold,
                                     std::optional<int> incorrect);

}  // namespace prm
