#include <algorithm>

#include "data/agreement/agreement_report.h"
#include "data/error.h"
#include "data/report/html_report.h"

namespace prm {
namespace {

std::string Padded(const std::string& text, size_t width) {
  return text + std::string(width > text.size() ? width - text.size() : 1, ' ');
}

std::string Value(const Statistic& statistic) {
  return statistic.value ? FormatFixed(*statistic.value, 3)
                         : "undefined: " + std::string(statistic.why);
}

std::string Share(int64_t part, int64_t whole) {
  return whole == 0 ? "-" : FormatPercent(double(part) / double(whole));
}

std::string StatisticLine(const ShownStatistic& shown, size_t width) {
  std::string line = "  " + Padded(shown.name, width) + Value(shown.statistic);
  if (!shown.statistic.value) return line + "\n";
  if (shown.interval.low) {
    line += StrCat("  [", FormatFixed(*shown.interval.low, 3), ", ",
                   FormatFixed(*shown.interval.high, 3), "]");
  }
  if (!shown.band.empty()) line += "  " + shown.band;
  if (shown.interval.undefined > 0) {
    line += StrCat("  (", shown.interval.undefined, " resamples undefined)");
  }
  return line + "\n";
}

std::string RuleLines(const std::vector<RuleResult>& rules) {
  std::string lines;
  for (const RuleResult& rule : rules) {
    lines += "    " + Padded(std::string(VerdictName(rule.verdict)), 13) + rule.rule;
    if (rule.value) {
      lines += StrCat(" ", FormatFixed(*rule.value, 3),
                      rule.is_upper_bar ? " <= " : " >= ", FormatFixed(rule.bar, 3));
    }
    lines += (rule.detail.empty() ? "" : ": " + rule.detail) + "\n";
  }
  return lines;
}

}  // namespace

std::string AgreementText(const AgreementReport& report, const Ratings& ratings) {
  std::string text = StrCat(report.ratings, " labels of ", report.rated_units, " steps (",
                            report.co_rated_units, " by two or more) of ", report.traces,
                            " traces by ", report.annotators, " annotators");
  if (report.not_labelled > 0) text += StrCat("; ", report.not_labelled, " seen, not labelled");
  text += "\n\nbase rates\n";
  for (size_t k = 0; k < report.labels.size(); ++k) {
    text += StrCat("  ", Padded(report.labels[k], 20), report.label_counts[k], "  ",
                   Share(report.label_counts[k], report.ratings), "\n");
  }
  text += StrCat("\nagreement, ", FormatPercent(report.bootstrap.level, 0), " intervals of ",
                 report.bootstrap.replicates, " resamples of traces, seed ", report.bootstrap.seed,
                 "\n");
  size_t width = 0;
  for (const ShownStatistic& shown : report.statistics) {
    width = std::max(width, shown.name.size() + 2);
  }
  for (const ShownStatistic& shown : report.statistics) text += StatisticLine(shown, width);
  text += "\npairs (Cohen kappa, agreement, steps)\n";
  for (const PairAgreementRow& pair : report.pairs) {
    text += StrCat("  ", ratings.annotators()[size_t(pair.a)], " / ",
                   ratings.annotators()[size_t(pair.b)], "  ", Value(pair.kappa));
    if (pair.percent.value) text += "  " + FormatPercent(*pair.percent.value);
    text += StrCat("  ", pair.units, "\n");
  }
  if (report.pairs_without_overlap > 0) {
    text += StrCat("  pairs without a step in common: ", report.pairs_without_overlap, "\n");
  }
  if (report.jackknife.outlier) {
    const size_t outlier = size_t(*report.jackknife.outlier);
    text += StrCat("without ", ratings.annotators()[outlier], " the nominal alpha is ",
                   Value(report.jackknife.without[outlier]), "\n");
  }
  const AggregationSummary& summary = report.aggregation;
  text += StrCat("\n", summary.is_dawid_skene ? "Dawid-Skene" : "one accuracy per rater", " (",
                 summary.why, "): ", summary.units, " steps, as the majority ", summary.same,
                 ", other ", summary.different, ", ties ", summary.ties,
                 ", uncertain (adjudicate) ", summary.below, "\n");
  if (!report.has_step_labels) return text;
  text += StrCat("\ngate: ", VerdictName(Together(report.group_rules)), "\n",
                 RuleLines(report.group_rules));
  for (const PersonResult& person : report.person_rules) {
    text += StrCat("  ", person.annotator, ": ", VerdictName(Together(person.rules)), "\n");
    if (report.has_gold) text += RuleLines(person.rules);
  }
  return text;
}

}  // namespace prm
