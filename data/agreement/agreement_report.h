// All agreement figures of a ratings file, and their output as text, JSON and HTML.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/agreement/aggregation.h"
#include "data/agreement/annotator_card.h"
#include "data/agreement/bootstrap.h"
#include "data/agreement/calibration_gate.h"
#include "data/agreement/ratings_file.h"

namespace prm {

struct ReportOptions {
  BootstrapOptions bootstrap;
  GateOptions gate;
  int worst_steps = 20;           // how many steps are listed
  double adjudicate_below = 0.8;  // threshold on the likeliest label's posterior
};

struct ShownStatistic {
  std::string key;   // "alpha_nominal"
  std::string name;  // "Krippendorff alpha, nominal"
  Statistic statistic;
  BootstrapInterval interval;
  std::string band;  // empty: no band is in use for it, or the value is undefined
};

struct PairAgreementRow {
  int a = 0, b = 0;   // annotators
  int64_t units = 0;  // labelled by both
  Statistic percent, kappa;
};

inline constexpr int kMostPairedAnnotators = 40;

struct WorstStep {
  int unit = 0;
  double agreement = 0;     // share of agreeing pairs
  std::vector<int> counts;  // [labels]
};

// Majority compared with the posteriors, over the units with a rating.
struct AggregationSummary {
  bool is_dawid_skene = false;
  std::string why;
  int iterations = 0;
  bool converged = false;
  int64_t units = 0, same = 0, different = 0, ties = 0;
  int64_t below = 0;          // units whose likeliest label is below adjudicate_below
  std::vector<double> prior;  // [labels]
  struct Item {
    int unit = 0;
    std::optional<int> majority;  // nullopt: tie
    int likeliest = 0;
    double posterior = 0;
  };
  std::vector<Item> items;  // to adjudicate: tie, labels differ, or below; lowest posterior first
};

struct AgreementReport {
  std::vector<std::string> labels;
  bool has_step_labels = false;
  int64_t traces = 0, units = 0, rated_units = 0, co_rated_units = 0, annotators = 0;
  int64_t ratings = 0, not_labelled = 0;
  std::vector<int64_t> label_counts;  // [labels] number of ratings: the base rates
  std::vector<ShownStatistic> statistics;
  BootstrapOptions bootstrap;
  // All pairs. With more than kMostPairedAnnotators annotators, only pairs with a step in common.
  std::vector<PairAgreementRow> pairs;
  int64_t pairs_without_overlap = 0;
  std::vector<double> confusion;  // [labels][labels] pairs of ratings of a unit, symmetric
  Jackknife jackknife;
  std::vector<WorstStep> worst;
  std::vector<AnnotatorCard> cards;
  AggregationSummary aggregation;
  // Set if gold is given.
  bool has_gold = false;
  int64_t gold_units = 0, gold_unrated = 0, gold_partial = 0;
  // The gate; set if the labels are the four step labels.
  GateOptions gate;
  std::vector<RuleResult> group_rules;
  std::vector<PersonResult> person_rules;
};

// Pure. For the four step labels, adds what only they allow: incorrect against the rest, necessary
// against redundant, the scale -1 < 0 < +1 (incomplete left out), first errors and the gate.
AgreementReport MakeAgreementReport(const Ratings& ratings, const std::optional<Gold>& gold,
                                    const ReportOptions& options = {});

// A summary short enough for a terminal.
std::string AgreementText(const AgreementReport& report, const Ratings& ratings);
// One JSON object. An undefined value is null, next to its reason.
std::string AgreementJson(const AgreementReport& report, const Ratings& ratings);
// `ranking`: the page's review list, or nullptr.
std::string AgreementHtml(const AgreementReport& report, const Ratings& ratings,
                          const std::string& name, const ReviewRanking* ranking = nullptr);

}  // namespace prm
