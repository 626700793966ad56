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

// What annotators say instead of a label: missing, never a label's number.
inline constexpr std::string_view kNotLabels[] = {"unsure", "flagged", "give_up", "bad_problem",
                                                  "not_reached"};

struct RatingsFileOptions {
  std::vector<std::string> labels;  // declared set; empty: the four step labels
  std::string votes = "votes";      // field of lines that list one vote an annotator
};

// Reads lines of three shapes, told apart by their fields; errors name file, line and field.
//   native trace   {"id", "steps", "annotations": [{"annotator", "step", "label", "seconds",
//                   "text_version"}]}
//   one rating     {"annotator", "label", "seconds", "text_version"} and what is rated
//   votes          {"votes": [..]} and what is rated; the annotators are "1", "2", ..
// What is rated: "trace" with "step" (0-based), or "unit" or "item", a trace of its own. Labels are
// texts, whole numbers or booleans; null and kNotLabels are looked at and not labelled. Throws
// Error(kInvalidArgument), also for a label that is not declared, and for a step whose text differs
// from that of the same trace, step and text version on an earlier line.
Ratings ReadRatings(const std::filesystem::path& path, const RatingsFileOptions& options = {});

// What a calibration set holds, by its gold labels.
struct CalibrationSet {
  int64_t traces = 0;                 // with a gold label
  int64_t steps = 0;                  // gold labels
  std::vector<int64_t> label_counts;  // [labels]
  // Known where gold comes as native traces with `final_correct`.
  std::optional<int64_t> right_answer_wrong_step;  // a step is incorrect
  std::optional<int64_t> clean;                    // every step is labelled and none an error
};

struct Gold {
  GoldLabels labels;    // [units of the ratings]
  int64_t unrated = 0;  // gold labels of steps that nobody rated
  int64_t partial = 0;  // steps whose gold admits several labels: no gold for four
  CalibrationSet set;
};

// Native traces with `labels`, or lines with "label" and what is rated. Throws as above, and for
// two gold labels of one step.
Gold ReadGold(const std::filesystem::path& path, const Ratings& ratings);

// `score` lines' label probabilities for RankForReview, [units][4]. Throws Error(kInvalidArgument)
// for ratings without the four step labels, for units without probabilities and for lines that
// hold none.
std::vector<double> ReadModelProbs(const std::filesystem::path& path, const Ratings& ratings);

// Whether these are the four step labels in their order.
bool AreStepLabels(const std::vector<std::string>& labels);

}  // namespace prm
