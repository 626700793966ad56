// Ratings and gold labels from files: native traces with `annotations`, or plain JSON lines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/agreement/aggregation.h"
#include "data/agreement/ratings.h"

namespace prm {

// Answers that are not labels: treated as missing, they get no label number.
inline constexpr std::string_view kNotLabels[] = {"unsure", "flagged", "give_up", "bad_problem",
                                                  "not_reached"};

struct RatingsFileOptions {
  std::vector<std::string> labels;  // declared set; empty: the four step labels
  std::string votes = "votes";      // name of the field that lists one vote per annotator
};

// Reads lines of three shapes, told apart by their fields; errors name file, line and field.
//   native trace   {"id", "steps", "annotations": [{"annotator", "step", "label", "seconds",
//                   "text_version"}]}
//   one rating     {"annotator", "label", "seconds", "text_version"} and the rated unit
//   votes          {"votes": [..]} and the rated unit; the annotators are "1", "2", ..
// The rated unit: "trace" with "step" (0-based), or "unit" or "item", each a trace of its own.
// Labels are texts, whole numbers or booleans; null and kNotLabels mean seen but not labelled.
// Throws Error(kInvalidArgument), also for an undeclared label and for a step whose text differs
// from the same trace, step and text version on an earlier line.
Ratings ReadRatings(const std::filesystem::path& path, const RatingsFileOptions& options = {});

// Contents of a calibration set, by gold label.
struct CalibrationSet {
  int64_t traces = 0;                 // with a gold label
  int64_t steps = 0;                  // gold labels
  std::vector<int64_t> label_counts;  // [labels]
  // Set if gold comes as native traces with `final_correct`.
  std::optional<int64_t> right_answer_wrong_step;  // a step is incorrect
  std::optional<int64_t> clean;                    // every step is labelled and none an error
};

struct Gold {
  GoldLabels labels;    // [units of the ratings]
  int64_t unrated = 0;  // gold labels of steps that nobody rated
  int64_t partial = 0;  // steps whose gold admits several labels: not used as gold
  CalibrationSet set;
};

// Reads native traces with `labels`, or lines with "label" and the rated unit. Throws like
// ReadRatings, and for two gold labels of one step.
Gold ReadGold(const std::filesystem::path& path, const Ratings& ratings);

// Label probabilities from `score` lines, for RankForReview, [units][4]. Throws
// Error(kInvalidArgument) if the ratings do not use the four step labels, and for units or lines
// without probabilities.
std::vector<double> ReadModelProbs(const std::filesystem::path& path, const Ratings& ratings);

// Whether these are the four step labels in their order.
bool AreStepLabels(const std::vector<std::string>& labels);

}  // namespace prm
