#include "data/agreement/agreement_report.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "data/agreement/first_error.h"
#include "data/trace.h"

namespace prm {
namespace {

constexpr int kIncorrect = int(StepLabel::kIncorrect);

enum class Bands { kNone, kKrippendorff, kLandisKoch };

// A statistic of one view of the labels.
struct Figure {
  std::string key, name;
  Bands bands = Bands::kNone;
  std::function<Statistic(const AgreementSums&)> of;
};

// Statistics over the same label counts, and the position of their sums in a trace's row.
struct View {
  LabelCounts counts;
  std::vector<Figure> figures;
};

Statistic NominalAlpha(const AgreementSums& sums) { return KrippendorffAlpha(sums); }
Statistic OrdinalAlpha(const AgreementSums& sums) {
  return KrippendorffAlpha(sums, {LabelDistance::Kind::kOrdinal});
}

View AllLabels(const Ratings& ratings) {
  View view{CountLabels(ratings, SameLabels(ratings)),
            {{"alpha_nominal", "Krippendorff alpha, nominal", Bands::kKrippendorff, NominalAlpha},
             {"ac1", "Gwet AC1", Bands::kLandisKoch, GwetAc1},
             {"fleiss", "Fleiss kappa", Bands::kLandisKoch, FleissKappa},
             {"percent", "Agreeing pairs", Bands::kNone, PercentAgreement}}};
  for (int k = 0; k < int(ratings.labels().size()); ++k) {
    view.figures.push_back({"specific_" + ratings.labels()[size_t(k)],
                            "Specific agreement on " + ratings.labels()[size_t(k)], Bands::kNone,
                            [k](const AgreementSums& sums) { return SpecificAgreement(sums, k); }});
  }
  return view;
}

// Units that every annotator labelled as valid.
LabelCounts NecessityCounts(const Ratings& ratings) {
  const LabelCounts all = CountLabels(ratings, SameLabels(ratings));
  LabelCounts counts = CountLabels(ratings, {{0, 1, -1, -1}, 2});
  for (int u = 0; u < all.units(); ++u) {
    const std::span<const int> of = all.Of(u);
    if (of[2] + of[3] == 0) continue;
    std::fill_n(counts.counts.begin() + long(u) * 2, 2, 0);
  }
  return counts;
}

std::vector<View> ViewsOf(const Ratings& ratings, bool has_step_labels) {
  std::vector<View> views = {AllLabels(ratings)};
  if (!has_step_labels) return views;
  views.push_back(
      {CountLabels(ratings, {{0, 0, 1, 0}, 2}),
       {{"alpha_incorrect", "Alpha, incorrect against the rest", Bands::kKrippendorff,
         NominalAlpha},
        {"ac1_incorrect", "AC1, incorrect against the rest", Bands::kLandisKoch, GwetAc1}}});
  views.push_back(
      {NecessityCounts(ratings),
       {{"alpha_necessity", "Alpha, necessary against redundant", Bands::kKrippendorff,
         NominalAlpha},
        {"ac1_necessity", "AC1, necessary against redundant", Bands::kLandisKoch, GwetAc1}}});
  views.push_back(
      {CountLabels(ratings, {{2, 1, 0, -1}, 3}),
       {{"alpha_ordinal", "Alpha, ordinal on -1 < 0 < +1", Bands::kKrippendorff, OrdinalAlpha}}});
  return views;
}

std::string BandOf(Bands bands, const Statistic& statistic) {
  if (!statistic.value || bands == Bands::kNone) return "";
  return std::string(bands == Bands::kKrippendorff ? KrippendorffBand(*statistic.value)
                                                   : LandisKochBand(*statistic.value));
}

// Appends `more` [traces][width] to each row of `rows` [traces][*total].
void Append(const std::vector<double>& more, size_t traces, size_t* total,
            std::vector<double>* rows) {
  const size_t width = traces == 0 ? 0 : more.size() / traces;
  std::vector<double> joined;
  joined.reserve(rows->size() + more.size());
  for (size_t t = 0; t < traces; ++t) {
    joined.insert(joined.end(), rows->begin() + long(t * *total),
                  rows->begin() + long((t + 1) * *total));
    joined.insert(joined.end(), more.begin() + long(t * width),
                  more.begin() + long((t + 1) * width));
  }
  *rows = std::move(joined);
  *total += width;
}

void AddStatistics(const Ratings& ratings, const ReportOptions& options, AgreementReport* report) {
  const std::vector<View> views = ViewsOf(ratings, report->has_step_labels);
  const size_t traces = ratings.traces().size();
  std::vector<double> rows;
  std::vector<size_t> offsets;
  size_t width = 0;
  for (const View& view : views) {
    offsets.push_back(width);
    Append(SumsByTrace(view.counts), traces, &width, &rows);
  }
  const size_t first_error = width;
  if (report->has_step_labels) {
    const auto first = FirstErrors(ratings, {false, false, true, true});
    Append(FirstErrorSums(first), traces, &width, &rows);
  }
  // The same function computes the estimate (from the whole sum) and its resamples.
  const StatisticsOfSum all = [&](std::span<const double> sum, std::span<Statistic> out) {
    size_t s = 0;
    for (size_t v = 0; v < views.size(); ++v) {
      const int labels = views[v].counts.labels;
      const AgreementSums sums(labels, sum.subspan(offsets[v], AgreementSums::SizeOf(labels)));
      for (const Figure& figure : views[v].figures) out[s++] = figure.of(sums);
    }
    if (report->has_step_labels) {
      out[s++] = FirstErrorExact(sum.subspan(first_error));
      out[s++] = FirstErrorWithinOne(sum.subspan(first_error));
    }
  };
  std::vector<Figure> figures;
  for (const View& view : views) {
    figures.insert(figures.end(), view.figures.begin(), view.figures.end());
  }
  if (report->has_step_labels) {
    figures.push_back({"first_error_exact", "First error at the same step", Bands::kNone, {}});
    figures.push_back({"first_error_within_one", "First error within one step", Bands::kNone, {}});
  }
  std::vector<double> whole(width, 0);
  for (size_t i = 0; i < rows.size(); ++i) whole[i % width] += rows[i];
  if (rows.empty()) {
    for (const View& view : views) width += AgreementSums::SizeOf(view.counts.labels);
    whole.assign(width + kFirstErrorSums, 0);
  }
  std::vector<Statistic> estimates(figures.size());
  all(whole, estimates);
  const auto intervals = ClusterBootstrap(rows, width, figures.size(), all, options.bootstrap);
  for (size_t s = 0; s < figures.size(); ++s) {
    report->statistics.push_back({figures[s].key, figures[s].name, estimates[s], intervals[s],
                                  BandOf(figures[s].bands, estimates[s])});
  }
}

void AddPairs(const Ratings& ratings, AgreementReport* report) {
  const int n = int(ratings.annotators().size()), q = int(ratings.labels().size());
  const auto tables = PairTables(ratings);
  const auto add = [&](int a, int b, const std::vector<double>& table) {
    report->pairs.push_back({a, b, int64_t(std::accumulate(table.begin(), table.end(), 0.0)),
                             PairAgreement(table, q), CohenKappa(table, q)});
  };
  report->pairs_without_overlap = int64_t{n} * (n - 1) / 2 - int64_t(tables.size());
  if (n > kMostPairedAnnotators) {
    for (const auto& [pair, table] : tables) add(pair.first, pair.second, table);
    return;
  }
  const std::vector<double> nothing(size_t(q) * size_t(q), 0);
  for (int a = 0; a < n; ++a) {
    for (int b = a + 1; b < n; ++b) {
      const auto found = tables.find({a, b});
      add(a, b, found == tables.end() ? nothing : found->second);
    }
  }
}

void AddUnits(const Ratings& ratings, const ReportOptions& options, AgreementReport* report) {
  const LabelCounts counts = CountLabels(ratings, SameLabels(ratings));
  const size_t q = report->labels.size();
  report->label_counts.assign(q, 0);
  report->confusion.assign(q * q, 0);
  for (int u = 0; u < counts.units(); ++u) {
    const std::span<const int> of = counts.Of(u);
    const int64_t n = std::accumulate(of.begin(), of.end(), int64_t{0});
    report->ratings += n;
    report->not_labelled += int64_t(ratings.Of(u).size()) - n;
    report->rated_units += n >= 1;
    int64_t agreeing = 0;
    for (size_t c = 0; c < q; ++c) {
      report->label_counts[c] += of[c];
      agreeing += int64_t{of[c]} * (of[c] - 1);
      for (size_t k = 0; k < q; ++k) {
        report->confusion[c * q + k] += double(of[c]) * (of[k] - int(c == k));
      }
    }
    if (n < 2) continue;
    ++report->co_rated_units;
    if (agreeing < n * (n - 1)) {
      report->worst.push_back({u, double(agreeing) / double(n * (n - 1)), {of.begin(), of.end()}});
    }
  }
  // Among equal shares, more ratings come first.
  std::stable_sort(report->worst.begin(), report->worst.end(),
                   [](const WorstStep& a, const WorstStep& b) {
                     if (a.agreement != b.agreement) return a.agreement < b.agreement;
                     return std::accumulate(a.counts.begin(), a.counts.end(), 0) >
                            std::accumulate(b.counts.begin(), b.counts.end(), 0);
                   });
  if (report->worst.size() > size_t(std::max(0, options.worst_steps))) {
    report->worst.resize(size_t(std::max(0, options.worst_steps)));
  }
}

AggregationSummary Summarise(const Ratings& ratings, const GoldLabels& gold,
                             const ReportOptions& options) {
  Aggregation model = AggregateLabels(ratings, gold);
  AggregationSummary summary;
  summary.is_dawid_skene = model.is_dawid_skene;
  summary.why = std::move(model.why);
  summary.iterations = model.posteriors.iterations;
  summary.converged = model.posteriors.converged;
  summary.prior = model.posteriors.prior;
  const std::vector<MajorityVote> votes = Majority(ratings);
  for (size_t u = 0; u < votes.size(); ++u) {
    if (!votes[u].label && !votes[u].is_tie) continue;
    const std::span<const double> p = model.posteriors.Of(u);
    const int likeliest = int(std::max_element(p.begin(), p.end()) - p.begin());
    const double posterior = p[size_t(likeliest)];
    ++summary.units;
    summary.ties += votes[u].is_tie;
    summary.same += votes[u].label == likeliest;
    const bool differs = votes[u].label && *votes[u].label != likeliest;
    summary.different += differs;
    summary.below += posterior < options.adjudicate_below;
    if (votes[u].is_tie || differs || posterior < options.adjudicate_below) {
      summary.items.push_back({int(u), votes[u].label, likeliest, posterior});
    }
  }
  std::stable_sort(summary.items.begin(), summary.items.end(),
                   [](const auto& a, const auto& b) { return a.posterior < b.posterior; });
  return summary;
}

// --- the gate ------------------------------------------------------------------------------------

const ShownStatistic& Named(const AgreementReport& report, std::string_view key) {
  return *std::find_if(report.statistics.begin(), report.statistics.end(),
                       [&](const ShownStatistic& shown) { return shown.key == key; });
}

// Steps of the set that each annotator looked at. The set is the steps with gold, else all.
std::vector<int64_t> StepsDone(const Ratings& ratings, const std::optional<Gold>& gold) {
  std::vector<int64_t> done(ratings.annotators().size(), 0);
  for (size_t u = 0; u < ratings.units().size(); ++u) {
    if (gold && !gold->labels[u]) continue;
    for (const Rating& rating : ratings.Of(int(u))) ++done[size_t(rating.annotator)];
  }
  return done;
}

void AddGate(const Ratings& ratings, const std::optional<Gold>& gold, AgreementReport* report) {
  const std::vector<int64_t> done = StepsDone(ratings, gold);
  const int64_t asked = gold ? gold->set.steps : int64_t(ratings.units().size());
  GroupEvidence group;
  if (gold) group.set = gold->set;
  group.alpha = Named(*report, "alpha_nominal").statistic;
  group.alpha_low = Named(*report, "alpha_nominal").interval.low;
  group.incorrect_alpha = Named(*report, "alpha_incorrect").statistic;
  group.label_units.assign(kNumLabels, 0);
  const LabelCounts counts = CountLabels(ratings, SameLabels(ratings));
  for (int u = 0; u < counts.units(); ++u) {
    for (size_t k = 0; k < kNumLabels; ++k) group.label_units[k] += counts.Of(u)[k] > 0;
  }
  group.candidates = report->annotators;
  for (const int64_t steps : done) group.missing += asked - steps;
  report->group_rules = JudgeGroup(group, report->gate);
  for (const AnnotatorCard& card : report->cards) {
    PersonEvidence person{ratings.annotators()[size_t(card.annotator)],
                          card.gold,
                          card.gold_incorrect,
                          card.false_alarms,
                          done[size_t(card.annotator)],
                          asked,
                          std::nullopt,
                          std::nullopt};
    if (card.below_floor.tries > 0) {
      person.seconds = card.seconds_of_floored;
      person.floor_seconds = card.floor_seconds;
    }
    report->person_rules.push_back({person.annotator, JudgePerson(person, report->gate)});
  }
}

}  // namespace

AgreementReport MakeAgreementReport(const Ratings& ratings, const std::optional<Gold>& gold,
                                    const ReportOptions& options) {
  AgreementReport report;
  report.labels = ratings.labels();
  report.has_step_labels = AreStepLabels(ratings.labels());
  report.traces = int64_t(ratings.traces().size());
  report.units = int64_t(ratings.units().size());
  report.annotators = int64_t(ratings.annotators().size());
  report.bootstrap = options.bootstrap;
  report.gate = options.gate;
  AddUnits(ratings, options, &report);
  AddStatistics(ratings, options, &report);
  AddPairs(ratings, &report);
  report.jackknife = JackknifeAnnotators(ratings, SameLabels(ratings));
  const GoldLabels gold_labels = gold ? gold->labels : GoldLabels();
  report.cards = MakeCards(ratings, gold_labels,
                           report.has_step_labels ? std::optional(kIncorrect) : std::nullopt);
  report.aggregation = Summarise(ratings, gold_labels, options);
  if (gold) {
    report.has_gold = true;
    report.gold_units = std::count_if(gold_labels.begin(), gold_labels.end(),
                                      [](const auto& label) { return label.has_value(); });
    report.gold_unrated = gold->unrated;
    report.gold_partial = gold->partial;
  }
  if (report.has_step_labels) AddGate(ratings, gold, &report);
  return report;
}

}  // namespace prm
