#include "data/metrics/metrics.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/error.h"

namespace prm {
namespace {

double HarmonicMean(double a, double b) { return a + b > 0 ? 2 * a * b / (a + b) : 0.0; }

// The annotated steps of all traces, concatenated.
struct JudgedSteps {
  std::vector<float> p_correct, p_error;
  std::vector<bool> correct, error;
};

JudgedSteps Judged(std::span<const LabelledScores> traces) {
  JudgedSteps steps;
  for (const LabelledScores& trace : traces) {
    for (size_t s = 0; s < trace.labels.size(); ++s) {
      const bool correct = trace.labels[s].IsWithin(LabelSet::Correct());
      if (!correct && !trace.labels[s].IsWithin(LabelSet::Wrong())) continue;
      steps.p_correct.push_back(trace.scores.p_correct[s]);
      steps.p_error.push_back(1.0f - trace.scores.p_correct[s]);
      steps.correct.push_back(correct);
      steps.error.push_back(!correct);
    }
  }
  return steps;
}

std::optional<double> MacroF1(std::span<const LabelledScores> traces) {
  std::array<int64_t, kNumLabels> hits = {}, predicted = {}, labelled = {};
  for (const LabelledScores& trace : traces) {
    if (!trace.necessity_known || trace.scores.label_probs.empty()) continue;
    for (size_t s = 0; s < trace.labels.size(); ++s) {
      if (trace.labels[s].size() != 1) continue;
      const auto& p = trace.scores.label_probs[s];
      const int guess = int(std::max_element(p.begin(), p.end()) - p.begin());
      ++predicted[guess];
      for (int k = 0; k < kNumLabels; ++k) labelled[k] += trace.labels[s].contains(StepLabel(k));
      hits[guess] += trace.labels[s].contains(StepLabel(guess));
    }
  }
  double sum = 0.0;
  int classes = 0;  // a label neither given nor predicted has no F1
  for (int k = 0; k < kNumLabels; ++k) {
    if (predicted[k] + labelled[k] == 0) continue;
    sum += 2.0 * double(hits[k]) / double(predicted[k] + labelled[k]);
    ++classes;
  }
  const bool any = std::accumulate(labelled.begin(), labelled.end(), int64_t{0}) > 0;
  return any ? std::optional(sum / classes) : std::nullopt;
}

std::optional<double> RedundancyAuroc(std::span<const LabelledScores> traces) {
  std::vector<float> share;
  std::vector<bool> redundant;
  for (const LabelledScores& trace : traces) {
    if (!trace.necessity_known || trace.scores.label_probs.empty()) continue;
    for (size_t s = 0; s < trace.labels.size(); ++s) {
      if (trace.labels[s].size() != 1 || !trace.labels[s].IsWithin(LabelSet::Correct())) continue;
      const auto& p = trace.scores.label_probs[s];
      const float correct = std::max(p[0] + p[1], 1e-30f);
      share.push_back(p[size_t(StepLabel::kCorrectRedundant)] / correct);
      redundant.push_back(trace.labels[s].contains(StepLabel::kCorrectRedundant));
    }
  }
  return Auroc(share, redundant);
}

std::optional<double> F1OfClass(const std::vector<bool>& truth, const std::vector<bool>& guess) {
  int64_t hits = 0, either = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    hits += truth[i] && guess[i];
    either += int64_t(truth[i]) + int64_t(guess[i]);
  }
  return either > 0 ? std::optional(2.0 * double(hits) / double(either)) : std::nullopt;
}

std::optional<double> PrmScore(const JudgedSteps& steps) {
  std::vector<bool> says_correct, says_error;
  for (float p : steps.p_correct) {
    says_correct.push_back(p > 0.5f);
    says_error.push_back(!(p > 0.5f));
  }
  const auto positive = F1OfClass(steps.correct, says_correct);
  const auto negative = F1OfClass(steps.error, says_error);
  if (!positive || !negative) return std::nullopt;
  return 0.5 * (*positive + *negative);
}

std::vector<size_t> OrderOf(std::span<const float> scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] < scores[b]; });
  return order;
}

// NaN does not equal itself: sorting it is undefined and a search for the end of a run never ends.
void CheckFinite(std::span<const float> scores) {
  const auto bad = std::ranges::find_if(scores, [](float s) { return !std::isfinite(s); });
  if (bad == scores.end()) return;
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("metrics: score ", bad - scores.begin(), " of ", scores.size(), " is ", *bad,
                     "; expected finite numbers"));
}

void CheckScores(std::span<const float> scores, const std::vector<bool>& labels) {
  if (scores.size() != labels.size()) {
    throw Error(ErrorCode::kInternal,
                StrCat("metrics: ", scores.size(), " scores for ", labels.size(), " labels"));
  }
  CheckFinite(scores);
}

void CheckFinite(std::span<const LabelledScores> traces) {
  for (size_t t = 0; t < traces.size(); ++t) {
    try {
      CheckFinite(traces[t].scores.p_correct);
      for (const LabelProbs& probs : traces[t].scores.label_probs) CheckFinite(probs);
    } catch (const Error& error) {
      throw Error(error.code(), StrCat("trace ", t, " of ", traces.size(), ": ", error.what()));
    }
  }
}

}  // namespace

LabelledScores LabelsOf(const Trace& trace) {
  LabelledScores labelled;
  for (int s = 0; s < int(trace.steps.size()); ++s) {
    labelled.labels.push_back(AdmissibleLabels(trace, s));
  }
  labelled.necessity_known = trace.necessity_known;
  labelled.first_error = trace.first_error;
  return labelled;
}

LabelledScores WithScores(const Trace& trace, TraceScores scores) {
  LabelledScores labelled = LabelsOf(trace);
  const size_t steps = scores.size();
  labelled.labels.resize(steps);
  if (labelled.first_error && *labelled.first_error >= int(steps)) labelled.first_error.reset();
  labelled.scores = std::move(scores);
  return labelled;
}

std::optional<double> Auroc(std::span<const float> scores, const std::vector<bool>& positive) {
  CheckScores(scores, positive);
  const std::vector<size_t> order = OrderOf(scores);
  double rank_sum = 0.0, positives = 0.0;
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    while (end < order.size() && scores[order[end]] == scores[order[begin]]) ++end;
    const double mid_rank = 0.5 * double(begin + 1 + end);
    for (size_t i = begin; i < end; ++i) {
      if (!positive[order[i]]) continue;
      rank_sum += mid_rank;
      ++positives;
    }
    begin = end;
  }
  const double negatives = double(scores.size()) - positives;
  if (positives == 0 || negatives == 0) return std::nullopt;
  return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives);
}

std::optional<double> AveragePrecision(std::span<const float> scores,
                                       const std::vector<bool>& positive) {
  CheckScores(scores, positive);
  const double total = double(std::count(positive.begin(), positive.end(), true));
  if (total == 0) return std::nullopt;
  std::vector<size_t> order = OrderOf(scores);
  std::reverse(order.begin(), order.end());
  double area = 0.0, hits = 0.0, hits_before = 0.0;
  for (size_t i = 0; i < order.size(); ++i) {
    hits += positive[order[i]];
    if (i + 1 < order.size() && scores[order[i + 1]] == scores[order[i]]) continue;
    area += (hits - hits_before) / total * hits / double(i + 1);
    hits_before = hits;
  }
  return area;
}

std::optional<double> ExpectedCalibrationError(std::span<const float> p,
                                               const std::vector<bool>& outcome, int bins) {
  CheckScores(p, outcome);
  if (p.empty()) return std::nullopt;
  std::vector<double> gap(bins, 0.0);
  for (size_t i = 0; i < p.size(); ++i) {
    // In float32: 0.7f * 10 rounds to 7, as its decimal form suggests.
    const int bin = int(std::clamp(p[i] * float(bins), 0.0f, float(bins - 1)));
    gap[bin] += double(p[i]) - double(outcome[i]);
  }
  double sum = 0.0;
  for (double g : gap) sum += std::abs(g);
  return sum / double(p.size());
}

std::optional<double> Brier(std::span<const float> p, const std::vector<bool>& outcome) {
  CheckScores(p, outcome);
  if (p.empty()) return std::nullopt;
  double sum = 0.0;
  for (size_t i = 0; i < p.size(); ++i) sum += std::pow(double(p[i]) - double(outcome[i]), 2);
  return sum / double(p.size());
}

std::optional<int> FirstErrorBelow(std::span<const float> p_correct, double threshold) {
  CheckFinite(p_correct);
  const auto found = std::find_if(p_correct.begin(), p_correct.end(),
                                  [&](float p) { return double(p) < threshold; });
  if (found == p_correct.end()) return std::nullopt;
  return int(found - p_correct.begin());
}

FirstErrorResult FirstErrorF1(std::span<const LabelledScores> traces, double threshold) {
  int64_t error_hits = 0, errors = 0, correct_hits = 0, corrects = 0;
  for (const LabelledScores& trace : traces) {
    if (!trace.first_error) continue;
    const bool hit =
        FirstErrorBelow(trace.scores.p_correct, threshold).value_or(-1) == *trace.first_error;
    const bool has_error = *trace.first_error >= 0;
    (has_error ? errors : corrects) += 1;
    (has_error ? error_hits : correct_hits) += hit;
  }
  FirstErrorResult result;
  result.threshold = threshold;
  if (errors > 0) result.acc_error = double(error_hits) / double(errors);
  if (corrects > 0) result.acc_correct = double(correct_hits) / double(corrects);
  if (errors > 0 && corrects > 0) {
    result.f1 = HarmonicMean(*result.acc_error, *result.acc_correct);
  }
  return result;
}

double TuneThreshold(std::span<const LabelledScores> dev) {
  CheckFinite(dev);
  // With a rising threshold, a trace starts or stops being a hit where the threshold passes a new
  // minimum of its scores.
  struct Change {
    float score;
    int error_hits, correct_hits;
  };
  std::vector<Change> changes;
  int64_t errors = 0, corrects = 0;
  for (const LabelledScores& trace : dev) {
    if (!trace.first_error) continue;
    const bool has_error = *trace.first_error >= 0;
    (has_error ? errors : corrects) += 1;
    const auto& p = trace.scores.p_correct;
    const auto before_end = has_error ? p.begin() + *trace.first_error : p.end();
    const auto lowest_before = std::min_element(p.begin(), before_end);
    if (!has_error) {
      if (!p.empty()) changes.push_back({*lowest_before, 0, -1});
    } else if (lowest_before == before_end) {
      changes.push_back({*before_end, 1, 0});
    } else if (*before_end < *lowest_before) {
      changes.push_back({*before_end, 1, 0});
      changes.push_back({*lowest_before, -1, 0});
    }
  }
  std::sort(changes.begin(), changes.end(),
            [](const Change& a, const Change& b) { return a.score < b.score; });
  double best = 0.5, best_f1 = 0.0;
  int64_t error_hits = 0, correct_hits = corrects;
  for (size_t i = 0; i + 1 < changes.size(); ++i) {
    error_hits += changes[i].error_hits;
    correct_hits += changes[i].correct_hits;
    if (changes[i].score == changes[i + 1].score || errors == 0 || corrects == 0) continue;
    const double f1 =
        HarmonicMean(double(error_hits) / double(errors), double(correct_hits) / double(corrects));
    if (f1 > best_f1) {
      best_f1 = f1;
      best = std::midpoint(double(changes[i].score), double(changes[i + 1].score));
    }
  }
  return best;
}

EvalReport Evaluate(std::span<const LabelledScores> traces, std::span<const LabelledScores> dev,
                    std::optional<double> checkpoint_threshold) {
  CheckFinite(traces);
  const JudgedSteps steps = Judged(traces);
  EvalReport report;
  report.traces = int64_t(traces.size());
  report.steps = int64_t(steps.correct.size());
  report.first_error_undecidable = std::count_if(
      traces.begin(), traces.end(), [](const LabelledScores& trace) { return !trace.first_error; });
  report.step_auroc = Auroc(steps.p_error, steps.error);
  report.average_precision = AveragePrecision(steps.p_error, steps.error);
  report.ece = ExpectedCalibrationError(steps.p_correct, steps.correct);
  report.brier = Brier(steps.p_correct, steps.correct);
  report.macro_f1 = MacroF1(traces);
  report.redundancy_auroc = RedundancyAuroc(traces);
  report.prm_score = PrmScore(steps);
  FirstErrorResult first = FirstErrorF1(traces, 0.5);
  report.f1_at_half = first.f1;
  if (checkpoint_threshold) {
    first = FirstErrorF1(traces, *checkpoint_threshold);
    report.checkpoint_threshold = checkpoint_threshold;
    report.f1_at_checkpoint = first.f1;
  }
  if (!dev.empty()) {
    first = FirstErrorF1(traces, TuneThreshold(dev));
    report.f1_tuned = first.f1;
  }
  report.threshold = first.threshold;
  report.acc_error = first.acc_error;
  report.acc_correct = first.acc_correct;
  return report;
}

std::string EvalReportToJson(const EvalReport& r) {
  nlohmann::ordered_json json = {{"traces", r.traces},
                                 {"steps", r.steps},
                                 {"first_error_undecidable", r.first_error_undecidable}};
  const auto add = [&](const char* key, const std::optional<double>& value) {
    json[key] = value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
  };
  add("step_auroc", r.step_auroc);
  add("average_precision", r.average_precision);
  add("f1_at_half", r.f1_at_half);
  add("f1_tuned", r.f1_tuned);
  add("checkpoint_threshold", r.checkpoint_threshold);
  add("f1_at_checkpoint", r.f1_at_checkpoint);
  add("threshold", r.threshold);
  add("acc_error", r.acc_error);
  add("acc_correct", r.acc_correct);
  add("ece", r.ece);
  add("brier", r.brier);
  add("macro_f1", r.macro_f1);
  add("redundancy_auroc", r.redundancy_auroc);
  add("prm_score", r.prm_score);
  add("floor_online_auroc", r.floor_online_auroc);
  add("floor_whole_auroc", r.floor_whole_auroc);
  return json.dump();
}

}  // namespace prm
