#include <algorithm>

#include "data/agreement/agreement_report.h"
#include "data/error.h"
#include "data/report/html_pictures.h"
#include "data/report/html_report.h"
#include "data/trace.h"

namespace prm {
namespace {

constexpr size_t kMostListed = 50;  // steps to adjudicate or to review
constexpr double kRareShare = 0.05;

// Data shared by all parts of the page.
struct Page {
  const AgreementReport& report;
  const Ratings& ratings;
  HtmlReport html;

  const std::string& Annotator(int index) const { return ratings.annotators()[size_t(index)]; }
  const std::string& Label(int index) const { return report.labels[size_t(index)]; }
};

Tone ToneOf(RuleVerdict verdict) {
  return verdict == RuleVerdict::kPassed   ? Tone::kGood
         : verdict == RuleVerdict::kFailed ? Tone::kBad
                                           : Tone::kWarning;
}

Tone ToneOfBand(const std::string& band) {
  if (band == "rely" || band == "almost perfect" || band == "substantial") return Tone::kGood;
  if (band == "tentative" || band == "moderate") return Tone::kWarning;
  return band.empty() ? Tone::kPlain : Tone::kBad;
}

HtmlCell Value(const std::optional<double>& value, std::string_view why) {
  if (value) return FormatFixed(*value, 3);
  return {why.empty() ? "undefined" : "undefined: " + std::string(why), Tone::kMuted};
}
HtmlCell Value(const Statistic& statistic) { return Value(statistic.value, statistic.why); }

std::string IntervalText(const BootstrapInterval& interval) {
  if (!interval.low) return "none";
  return StrCat("[", FormatFixed(*interval.low, 3), ", ", FormatFixed(*interval.high, 3), "]");
}

std::string RateText(const Rate& rate) {
  if (rate.tries == 0) return "–";
  const RateInterval interval = WilsonInterval(rate);
  return StrCat(FormatPercent(*rate.value()), " [", FormatFixed(100 * interval.low, 0), ", ",
                FormatFixed(100 * interval.high, 0), "], n = ", FormatCount(rate.tries));
}

// --- parts of the page, from top to bottom ------------------------------------------------------

HtmlTile StatisticTile(const AgreementReport& report, std::string_view key) {
  for (const ShownStatistic& shown : report.statistics) {
    if (shown.key != key) continue;
    if (!shown.statistic.value) {
      return {shown.name, "undefined", std::string(shown.statistic.why), Tone::kMuted};
    }
    std::string note = shown.band;
    if (shown.interval.low) note += (note.empty() ? "" : ", ") + IntervalText(shown.interval);
    return {shown.name, FormatFixed(*shown.statistic.value, 3), note, ToneOfBand(shown.band)};
  }
  return {std::string(key), "not shown"};
}

void AddSummary(Page& page) {
  const AgreementReport& report = page.report;
  std::vector<HtmlTile> tiles = {StatisticTile(report, "alpha_nominal")};
  if (report.has_step_labels) {
    const RuleVerdict verdict = Together(report.group_rules);
    tiles.push_back(StatisticTile(report, "alpha_incorrect"));
    tiles.push_back({"Calibration gate", std::string(VerdictName(verdict)), "", ToneOf(verdict)});
  }
  tiles.push_back(StatisticTile(report, "ac1"));
  tiles.push_back({"Steps rated", FormatCount(report.rated_units),
                   FormatCount(report.co_rated_units) + " by two or more"});
  tiles.push_back({"Traces", FormatCount(report.traces), ""});
  tiles.push_back({"Annotators", FormatCount(report.annotators), ""});
  tiles.push_back({"Labels", FormatCount(report.ratings),
                   FormatCount(report.not_labelled) + " seen, not labelled"});
  page.html.Tiles(tiles);
  if (!report.has_step_labels || report.ratings == 0) return;
  const double incorrect =
      double(report.label_counts[size_t(StepLabel::kIncorrect)]) / double(report.ratings);
  if (incorrect < kRareShare) {
    page.html.Note(StrCat("Few steps are called incorrect (", FormatPercent(incorrect),
                          "): alpha and kappa fall then though annotators agree; read AC1 and the "
                          "specific agreement beside them."),
                   Tone::kWarning);
  }
}

void AddStatistics(Page& page) {
  page.html.Section("Statistics");
  page.html.Paragraph(StrCat("Intervals of ", FormatPercent(page.report.bootstrap.level, 0), ": ",
                             FormatCount(page.report.bootstrap.replicates),
                             " resamples of traces, seed ", page.report.bootstrap.seed,
                             ". Bands: Krippendorff rely from .800, tentative from .667; Landis "
                             "and Koch for the others."));
  if (page.report.has_step_labels) {
    page.html.Paragraph(
        "The nominal alpha of the four labels decides the gate; incorrect against the rest is the "
        "statistic of safety. Necessary against redundant counts steps that all call valid. The "
        "four labels do not form one scale, so the ordinal alpha leaves incomplete out and is "
        "secondary. A first error is the first step called incorrect or incomplete.");
  }
  IntervalPlot plot{"Estimates with their intervals", {}, 0, 1, {{0.667, ".667"}, {0.8, ".800"}}};
  HtmlTable table{
      "Estimates",
      {"statistic", {"estimate", true}, {"interval", true}, {"undefined resamples", true}, "band"}};
  for (const ShownStatistic& shown : page.report.statistics) {
    plot.rows.push_back({shown.name, shown.statistic.value, std::nullopt, std::nullopt,
                         shown.statistic.value ? "" : "undefined"});
    if (shown.statistic.value && shown.interval.low) {
      plot.rows.back().low = shown.interval.low;
      plot.rows.back().high = shown.interval.high;
    }
    table.rows.push_back({shown.name, Value(shown.statistic), IntervalText(shown.interval),
                          FormatCount(shown.interval.undefined),
                          HtmlCell(shown.band, ToneOfBand(shown.band))});
  }
  page.html.Figure(plot.title, IntervalPlotSvg(plot));
  page.html.Table(table);
}

void AddBaseRates(Page& page) {
  const AgreementReport& report = page.report;
  page.html.Section("Base rates");
  BarChart all{"Labels given", report.labels, {{"labels", {}}}};
  for (const int64_t count : report.label_counts) all.series[0].values.push_back(double(count));
  BarChart by_annotator{"Shares of labels by annotator", {}, {}};
  by_annotator.full = 100;
  by_annotator.unit = " %";
  for (const std::string& label : report.labels) by_annotator.series.push_back({label, {}});
  for (const AnnotatorCard& card : report.cards) {
    if (card.labelled == 0) continue;
    by_annotator.categories.push_back(page.Annotator(card.annotator));
    for (size_t k = 0; k < report.labels.size(); ++k) {
      by_annotator.series[k].values.push_back(100 * double(card.label_counts[k]) /
                                              double(card.labelled));
    }
  }
  page.html.Figures(
      {{all.title, BarChartSvg(all)}, {by_annotator.title, BarChartSvg(by_annotator)}});
}

HtmlFigure ConfusionFigure(const std::string& caption, const HeatMap& titles,
                           const std::vector<double>& table) {
  HeatMap map = titles;
  const size_t q = map.rows.size();
  for (size_t c = 0; c < q; ++c) {
    map.values.emplace_back(table.begin() + long(c * q), table.begin() + long((c + 1) * q));
  }
  return {caption, HeatMapSvg(map)};
}

HtmlFigure PairFigure(const Page& page) {
  const std::vector<std::string>& names = page.ratings.annotators();
  const size_t n = names.size();
  HeatMap pairs{"Cohen kappa of every pair", "annotator", "annotator", names, names, {}, 2};
  pairs.high = 1;
  pairs.values.assign(n, std::vector<std::optional<double>>(n));
  pairs.notes.assign(n, std::vector<std::string>(n));
  for (const PairAgreementRow& pair : page.report.pairs) {
    for (const auto& [row, column] : {std::pair(pair.a, pair.b), std::pair(pair.b, pair.a)}) {
      pairs.values[size_t(row)][size_t(column)] = pair.kappa.value;
      pairs.notes[size_t(row)][size_t(column)] =
          StrCat(pair.units, " steps", pair.kappa.value ? "" : ", ", pair.kappa.why);
    }
  }
  return {pairs.title, HeatMapSvg(pairs)};
}

void AddPairs(Page& page) {
  const AgreementReport& report = page.report;
  page.html.Section("Pairs and confusion");
  const std::string caption = "Pairs of labels given to one step";
  std::vector<HtmlFigure> figures = {ConfusionFigure(
      caption, {caption, "one annotator", "another", report.labels, report.labels, {}},
      report.confusion)};
  if (report.annotators <= kMostPairedAnnotators) figures.push_back(PairFigure(page));
  page.html.Figures(figures);
  HtmlTable table{"Pairs",
                  {"pair", {"steps", true}, {"agreement", true}, {"Cohen kappa", true}, "band"},
                  {},
                  report.pairs.size() > 10};
  for (const PairAgreementRow& pair : report.pairs) {
    const std::string band = pair.kappa.value ? std::string(LandisKochBand(*pair.kappa.value)) : "";
    table.rows.push_back({page.Annotator(pair.a) + " / " + page.Annotator(pair.b),
                          FormatCount(pair.units), Value(pair.percent), Value(pair.kappa),
                          HtmlCell(band, ToneOfBand(band))});
  }
  page.html.Table(table);
  if (report.pairs_without_overlap > 0) {
    page.html.Paragraph(
        StrCat("Pairs without a step in common: ", FormatCount(report.pairs_without_overlap), "."));
  }
  if (!report.jackknife.outlier) return;
  const size_t outlier = size_t(*report.jackknife.outlier);
  page.html.Paragraph(StrCat("The nominal alpha rises most without ", page.Annotator(int(outlier)),
                             ": to ", FormatFixed(*report.jackknife.without[outlier].value, 3),
                             "."));
}

void AddWorst(Page& page) {
  page.html.Section("Steps with least agreement");
  if (page.report.worst.empty()) {
    page.html.Paragraph("No step with two labels or more has a disagreement.");
    return;
  }
  HtmlTable table{"", {"step", {"agreeing pairs", true}, "labels", "text"}};
  for (const WorstStep& worst : page.report.worst) {
    std::string labels;
    for (size_t k = 0; k < worst.counts.size(); ++k) {
      if (worst.counts[k] == 0) continue;
      labels += StrCat(labels.empty() ? "" : ", ", worst.counts[k], " ", page.report.labels[k]);
    }
    table.rows.push_back({page.ratings.NameOf(worst.unit), FormatPercent(worst.agreement, 0),
                          labels, page.ratings.units()[size_t(worst.unit)].excerpt});
  }
  page.html.Table(table);
}

HtmlTable RulesTable(std::string caption, const std::vector<RuleResult>& rules, bool folded) {
  HtmlTable table{
      std::move(caption), {"rule", {"value", true}, {"bar", true}, "verdict", "why"}, {}, folded};
  for (const RuleResult& rule : rules) {
    const auto number = [](double value) {
      return FormatFixed(value, value == double(int64_t(value)) ? 0 : 3);
    };
    table.rows.push_back({rule.rule, rule.value ? number(*rule.value) : "–",
                          (rule.is_upper_bar ? "≤ " : "≥ ") + number(rule.bar),
                          HtmlCell(std::string(VerdictName(rule.verdict)), ToneOf(rule.verdict)),
                          rule.detail});
  }
  return table;
}

void AddGate(Page& page) {
  const AgreementReport& report = page.report;
  if (!report.has_step_labels) return;
  page.html.Section("Calibration gate");
  const RuleVerdict verdict = Together(report.group_rules);
  page.html.Note(verdict == RuleVerdict::kPassed ? "The group passes."
                 : verdict == RuleVerdict::kFailed
                     ? "The group fails: clarify the guideline, then a new version and a fresh set."
                     : "Insufficient evidence: neither passed nor failed.",
                 ToneOf(verdict));
  page.html.Table(RulesTable("The group", report.group_rules, false));
  for (const PersonResult& person : report.person_rules) {
    const RuleVerdict own = Together(person.rules);
    page.html.Table(
        RulesTable(StrCat(person.annotator, ": ", VerdictName(own)), person.rules, true));
  }
}

void AddCards(Page& page) {
  const AgreementReport& report = page.report;
  page.html.Section("Annotators");
  HtmlTable table{"Annotator cards",
                  {"annotator",
                   {"labels", true},
                   {"no label", true},
                   {"traces", true},
                   {"agreement with others", true},
                   {"alpha without", true},
                   {"median seconds", true},
                   {"under reading floor", true}}};
  if (report.has_gold) {
    table.columns.insert(
        table.columns.end(),
        {{"gold accuracy", true}, {"recall on gold incorrect", true}, {"false alarms", true}});
  }
  IntervalPlot accuracy{"Accuracy on gold", {}, 0, 1, {{report.gate.min_gold_accuracy, "bar"}}};
  IntervalPlot others{"Agreement with the others", {}, 0, 1, {}};
  for (const AnnotatorCard& card : report.cards) {
    const std::string& name = page.Annotator(card.annotator);
    std::vector<HtmlCell> row = {
        name,
        FormatCount(card.labelled),
        FormatCount(card.not_labelled),
        FormatCount(card.traces),
        Value(card.with_others),
        Value(report.jackknife.without[size_t(card.annotator)]),
        card.median_seconds ? FormatFixed(*card.median_seconds, 1) : "–",
        card.below_floor.tries > 0 ? FormatPercent(*card.below_floor.value()) : "–"};
    if (report.has_gold) {
      for (const Rate& rate : {card.gold, card.gold_incorrect, card.false_alarms}) {
        row.push_back(RateText(rate));
      }
      const RateInterval interval = WilsonInterval(card.gold);
      accuracy.rows.push_back({name, card.gold.value(), interval.low, interval.high,
                               card.gold.tries == 0 ? "no gold" : ""});
      if (card.gold.tries == 0) accuracy.rows.back().low = accuracy.rows.back().high = {};
    }
    others.rows.push_back(
        {name, card.with_others.value, {}, {}, card.with_others.value ? "" : "undefined"});
    table.rows.push_back(std::move(row));
  }
  std::vector<HtmlFigure> figures = {{others.title, IntervalPlotSvg(others)}};
  if (report.has_gold) figures.insert(figures.begin(), {accuracy.title, IntervalPlotSvg(accuracy)});
  page.html.Figures(figures);
  page.html.Table(table);
  if (!report.has_gold) return;
  std::vector<HtmlFigure> confusions;
  for (const AnnotatorCard& card : report.cards) {
    if (card.gold.tries == 0) continue;
    const std::string name = page.Annotator(card.annotator) + " beside gold";
    confusions.push_back(ConfusionFigure(
        name, {name, "gold", "given", report.labels, report.labels, {}}, card.gold_confusion));
  }
  page.html.Figures(confusions);
}

void AddAggregation(Page& page) {
  const AggregationSummary& summary = page.report.aggregation;
  page.html.Section("One label per step");
  page.html.Paragraph(StrCat(summary.is_dawid_skene ? "Dawid-Skene" : "One accuracy per rater",
                             " after ", summary.iterations, " iterations",
                             summary.converged ? "" : " (not converged)", "; ", summary.why, "."));
  page.html.Tiles({{"Steps", FormatCount(summary.units)},
                   {"As the majority", FormatCount(summary.same)},
                   {"Another label", FormatCount(summary.different)},
                   {"Ties", FormatCount(summary.ties), "to adjudicate"},
                   {"Uncertain", FormatCount(summary.below), "to adjudicate"}});
  if (summary.items.empty()) return;
  const size_t shown = std::min(summary.items.size(), kMostListed);
  HtmlTable table{StrCat("Steps to adjudicate: ", shown, " of ", summary.items.size(),
                         ", the least certain first"),
                  {"step", "majority", "likeliest", {"posterior", true}, "text"},
                  {},
                  true};
  for (size_t i = 0; i < shown; ++i) {
    const AggregationSummary::Item& item = summary.items[i];
    table.rows.push_back(
        {page.ratings.NameOf(item.unit),
         item.majority ? HtmlCell(page.Label(*item.majority)) : HtmlCell("tie", Tone::kWarning),
         page.Label(item.likeliest), FormatFixed(item.posterior, 3),
         page.ratings.units()[size_t(item.unit)].excerpt});
  }
  page.html.Table(table);
}

void AddRanking(Page& page, const ReviewRanking& ranking) {
  page.html.Section("Order of review");
  page.html.Paragraph(
      StrCat("A ranking by ratings and the model's probabilities, never a label; weight of the "
             "model ",
             FormatFixed(ranking.model_weight, 3), "."));
  HtmlTable table{"", {"step", "consensus", {"quality", true}, "text"}};
  for (size_t i = 0; i < std::min(ranking.items.size(), kMostListed); ++i) {
    const ReviewRanking::Item& item = ranking.items[i];
    table.rows.push_back({page.ratings.NameOf(item.unit), page.Label(item.consensus),
                          FormatFixed(item.quality, 3),
                          page.ratings.units()[size_t(item.unit)].excerpt});
  }
  page.html.Table(table);
}

}  // namespace

std::string AgreementHtml(const AgreementReport& report, const Ratings& ratings,
                          const std::string& name, const ReviewRanking* ranking) {
  std::string subtitle = name;
  if (report.has_gold) {
    subtitle += StrCat("; gold for ", FormatCount(report.gold_units), " rated steps, ",
                       FormatCount(report.gold_unrated), " gold steps nobody rated");
    if (report.gold_partial > 0) {
      subtitle += StrCat(", ", FormatCount(report.gold_partial), " with several admissible labels");
    }
  }
  Page page{report, ratings, HtmlReport("Agreement of annotators", subtitle)};
  AddSummary(page);
  AddStatistics(page);
  AddBaseRates(page);
  AddPairs(page);
  AddGate(page);
  AddCards(page);
  AddAggregation(page);
  if (ranking != nullptr) AddRanking(page, *ranking);
  AddWorst(page);
  return page.html.Html();
}

}  // namespace prm
