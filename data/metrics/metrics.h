// Quality of step scores: pure functions of labels and probabilities. Each throws
// Error(kInvalidArgument) naming any score that is not finite.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/scores.h"
#include "data/trace.h"

namespace prm {

// The labels of a trace with its scores, for S steps.
struct LabelledScores {
  std::vector<LabelSet> labels;  // [S], empty: not annotated
  bool necessity_known = true;
  std::optional<int> first_error;  // as in Trace: -1 no wrong step; nullopt: not decidable
  TraceScores scores;
};
// The labels of `trace`, with empty scores.
LabelledScores LabelsOf(const Trace& trace);
// The labels of the leading steps that have scores. A first error beyond them is not decidable.
LabelledScores WithScores(const Trace& trace, TraceScores scores);

// Probability that a positive outranks a negative, ties half (mid-ranks); nullopt if a class is
// absent. Source: Hanley & McNeil 1982, "The meaning and use of the area under a ROC curve".
std::optional<double> Auroc(std::span<const float> scores, const std::vector<bool>& positive);
// Area under the precision-recall steps, ties grouped; nullopt without positives.
std::optional<double> AveragePrecision(std::span<const float> scores,
                                       const std::vector<bool>& positive);
// Equal bins [k/bins, (k+1)/bins), the last closed; weighted by size. Source: Guo et al. 2017, "On
// Calibration of Modern Neural Networks", equation 3.
std::optional<double> ExpectedCalibrationError(std::span<const float> p,
                                               const std::vector<bool>& outcome, int bins = 10);
std::optional<double> Brier(std::span<const float> p, const std::vector<bool>& outcome);

// First step with p_correct below the threshold; nullopt: none.
std::optional<int> FirstErrorBelow(std::span<const float> p_correct, double threshold);

// ProcessBench: exact hits on traces with an error and on traces without; F1 is their harmonic
// mean. Traces whose first error is not decidable are left out.
// Source: Zheng et al. 2024, "ProcessBench", section 3.
struct FirstErrorResult {
  double threshold = 0.5;
  std::optional<double> acc_error, acc_correct, f1;
};
FirstErrorResult FirstErrorF1(std::span<const LabelledScores> traces, double threshold);
// The exact threshold with the best F1 on `dev`: midway between the two scores around it, the
// lowest among equals; 0.5 if no threshold has an F1 above 0. O(n log n) in the steps.
double TuneThreshold(std::span<const LabelledScores> dev);

// The keys of `prm eval --json`. nullopt: undefined for this data.
struct EvalReport {
  int64_t traces = 0;
  int64_t steps = 0;  // annotated as all-correct or all-wrong
  // Traces left out of the first-error figures: the labels do not decide whether a step is the
  // first error, or it was cut off.
  int64_t first_error_undecidable = 0;
  std::optional<double> step_auroc, average_precision;  // of finding errors
  std::optional<double> f1_at_half, f1_tuned;
  std::optional<double> checkpoint_threshold, f1_at_checkpoint;
  std::optional<double> threshold, acc_error, acc_correct;  // acc_* are at `threshold`
  std::optional<double> ece, brier;
  std::optional<double> macro_f1;          // argmax of four, necessity known
  std::optional<double> redundancy_auroc;  // P(redundant)/p_correct among valid, necessity known
  std::optional<double> prm_score;         // mean of the F1 of both classes at 0.5
  std::optional<double> floor_online_auroc, floor_whole_auroc;
};
// `dev`: data for tuning the threshold; empty: f1_tuned stays undefined. `checkpoint_threshold`:
// the one stored in the model's checkpoint, if known. acc_* use the tuned threshold, else the
// checkpoint's, else 0.5.
EvalReport Evaluate(std::span<const LabelledScores> traces, std::span<const LabelledScores> dev,
                    std::optional<double> checkpoint_threshold = std::nullopt);

// One JSON object with exactly the keys above; undefined values are null.
std::string EvalReportToJson(const EvalReport& report);

}  // namespace prm
