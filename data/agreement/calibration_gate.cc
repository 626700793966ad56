#include "data/agreement/calibration_gate.h"

#include <algorithm>

#include "data/error.h"
#include "data/trace.h"

namespace prm {
namespace {

RuleResult Missing(std::string rule, double bar, std::string detail, bool is_upper = false) {
  return {std::move(rule), RuleVerdict::kInsufficient, std::nullopt, bar,
          is_upper,        std::move(detail)};
}

RuleResult AtLeast(std::string rule, double value, double bar) {
  return {std::move(rule), value >= bar ? RuleVerdict::kPassed : RuleVerdict::kFailed,
          value,           bar,
          false,           ""};
}

RuleResult AtMost(std::string rule, double value, double bar) {
  return {std::move(rule),
          value <= bar ? RuleVerdict::kPassed : RuleVerdict::kFailed,
          value,
          bar,
          true,
          ""};
}

// A requirement on the evidence: without it, nothing can be judged.
RuleResult Enough(std::string rule, double value, double bar, std::string detail = "") {
  RuleResult result = AtLeast(std::move(rule), value, bar);
  if (result.verdict == RuleVerdict::kFailed) {
    result.verdict = RuleVerdict::kInsufficient;
    result.detail = std::move(detail);
  }
  return result;
}

void JudgeSet(const std::optional<CalibrationSet>& set, const GateOptions& options,
              std::vector<RuleResult>* rules) {
  if (!set || set->label_counts.size() != kNumLabels) {
    rules->push_back(Missing("calibration set", double(options.min_traces), "no gold labels"));
    return;
  }
  const auto count = [&](StepLabel label) { return double(set->label_counts[size_t(label)]); };
  const double steps = std::max(1.0, double(set->steps));
  rules->push_back(Enough("set: traces", double(set->traces), double(options.min_traces)));
  rules->push_back(Enough("set: steps", double(set->steps), double(options.min_steps)));
  rules->push_back(Enough("set: share incorrect or incomplete",
                          (count(StepLabel::kIncorrect) + count(StepLabel::kIncomplete)) / steps,
                          options.min_error_share));
  rules->push_back(Enough("set: share redundant", count(StepLabel::kCorrectRedundant) / steps,
                          options.min_redundant_share));
  const auto traces = [&](const char* rule, const std::optional<int64_t>& value, int64_t bar) {
    rules->push_back(value ? Enough(rule, double(*value), double(bar))
                           : Missing(rule, double(bar), "the gold file does not say"));
  };
  traces("set: right answer with a wrong step", set->right_answer_wrong_step,
         options.min_right_answer_wrong_step);
  traces("set: clean traces", set->clean, options.min_clean);
}

RuleResult JudgeStatistic(const char* rule, const Statistic& statistic, double bar) {
  if (!statistic.value) return Missing(rule, bar, "undefined: " + std::string(statistic.why));
  return AtLeast(rule, *statistic.value, bar);
}

RuleResult JudgeRate(const char* rule, const Rate& rate, double bar, bool is_upper = false) {
  const std::optional<double> value = rate.value();
  if (!value) return Missing(rule, bar, "no such gold step", is_upper);
  return is_upper ? AtMost(rule, *value, bar) : AtLeast(rule, *value, bar);
}

}  // namespace

std::string_view VerdictName(RuleVerdict verdict) {
  return verdict == RuleVerdict::kPassed   ? "passed"
         : verdict == RuleVerdict::kFailed ? "failed"
                                           : "insufficient";
}

RuleVerdict Together(const std::vector<RuleResult>& rules) {
  const auto has = [&](RuleVerdict verdict) {
    return std::any_of(rules.begin(), rules.end(),
                       [&](const RuleResult& rule) { return rule.verdict == verdict; });
  };
  if (rules.empty() || has(RuleVerdict::kInsufficient)) return RuleVerdict::kInsufficient;
  return has(RuleVerdict::kFailed) ? RuleVerdict::kFailed : RuleVerdict::kPassed;
}

std::vector<RuleResult> JudgeGroup(const GroupEvidence& evidence, const GateOptions& options) {
  std::vector<RuleResult> rules;
  JudgeSet(evidence.set, options, &rules);
  rules.push_back(Enough("candidates", double(evidence.candidates), 2));
  RuleResult all_rated = AtMost("labels missing (all rate all)", double(evidence.missing), 0);
  if (all_rated.verdict == RuleVerdict::kFailed) all_rated.verdict = RuleVerdict::kInsufficient;
  rules.push_back(all_rated);
  for (size_t k = 0; k < kNumLabels; ++k) {
    const std::string rule = StrCat("units called ", kLabelNames[k]);
    const double bar = double(options.min_label_units);
    rules.push_back(k < evidence.label_units.size()
                        ? Enough(rule, double(evidence.label_units[k]), bar)
                        : Missing(rule, bar, "not the four step labels"));
  }
  rules.push_back(JudgeStatistic("nominal alpha", evidence.alpha, options.min_alpha));
  rules.push_back(
      evidence.alpha_low
          ? AtLeast("nominal alpha, lower end", *evidence.alpha_low, options.min_alpha_low)
          : Missing("nominal alpha, lower end", options.min_alpha_low, "no interval"));
  rules.push_back(JudgeStatistic("alpha of incorrect against the rest", evidence.incorrect_alpha,
                                 options.min_incorrect_alpha));
  return rules;
}

std::vector<RuleResult> JudgePerson(const PersonEvidence& evidence, const GateOptions& options) {
  std::vector<RuleResult> rules;
  rules.push_back(JudgeRate("agreement with gold", evidence.gold, options.min_gold_accuracy));
  rules.push_back(
      JudgeRate("recall on gold incorrect", evidence.gold_incorrect, options.min_incorrect_recall));
  rules.push_back(JudgeRate("false alarms", evidence.false_alarms, options.max_false_alarms, true));
  rules.push_back(Enough("items done", double(evidence.done),
                         double(std::max<int64_t>(1, evidence.asked)), "work is missing"));
  const char* kTime = "active seconds above the reading floor";
  rules.push_back(evidence.seconds && evidence.floor_seconds
                      ? AtLeast(kTime, *evidence.seconds, *evidence.floor_seconds)
                      : Missing(kTime, 0, "time was not measured"));
  return rules;
}

}  // namespace prm
