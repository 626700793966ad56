// Published and computed examples of ratings. Values: krippendorff 0.9.0, irrCAC 0.4.4,
// statsmodels.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "data/agreement/ratings.h"

namespace prm {

// One string per annotator, one character per unit: an index into `labels` from `first`, '.'
// missing. Every unit is the first step of its own trace.
inline Ratings RatingsOf(const std::vector<std::string>& labels,
                         const std::vector<std::string_view>& rows, char first = '0') {
  Ratings ratings(labels);
  for (size_t a = 0; a < rows.size(); ++a) {
    const int annotator = ratings.Annotator(std::string(1, char('a' + a)));
    for (size_t u = 0; u < rows[a].size(); ++u) {
      const int unit = ratings.Unit({ratings.Trace("t" + std::to_string(u)), 0, 1, 0, ""});
      if (rows[a][u] != '.') ratings.Add(unit, {annotator, rows[a][u] - first, {}});
    }
  }
  return ratings;
}

// 4 raters, 12 units, labels 1 .. 5, missing data.
inline Ratings K12() {
  return RatingsOf({"1", "2", "3", "4", "5"},
                   {"123321412...", "1233224125.3", ".3332342251.", "12332441251."}, '1');
}

// 3 raters, 20 steps, four labels.
inline Ratings S20() {
  const std::string_view steps = "000000001010000222000330000111220000000101223000333000020000";
  std::vector<std::string> rows(3);
  for (size_t i = 0; i < steps.size(); ++i) rows[i % 3] += steps[i];
  return RatingsOf({"correct_necessary", "correct_redundant", "incorrect", "incomplete"},
                   {rows.begin(), rows.end()});
}

// Two raters who nearly always answer 1: kappa collapses.
inline Ratings Paradox() {
  return RatingsOf({"0", "1"}, {std::string(118, '1') + std::string(5, '1') + "00",
                                std::string(118, '1') + std::string(5, '0') + "11"});
}

}  // namespace prm
