#include <nlohmann/json.hpp>

#include "data/agreement/agreement_report.h"

namespace prm {
namespace {

using Json = nlohmann::ordered_json;

Json Maybe(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json StatisticJson(const Statistic& statistic) {
  Json json = {{"value", Maybe(statistic.value)}};
  if (!statistic.value) json["undefined"] = std::string(statistic.why);
  return json;
}

Json RateJson(const Rate& rate) {
  const RateInterval interval = WilsonInterval(rate);
  return {{"hits", rate.hits},
          {"tries", rate.tries},
          {"value", Maybe(rate.value())},
          {"low", interval.low},
          {"high", interval.high}};
}

template <class T>
Json ByLabel(const std::vector<std::string>& labels, const std::vector<T>& values) {
  Json json = Json::object();
  for (size_t k = 0; k < labels.size(); ++k) json[labels[k]] = values[k];
  return json;
}

Json Matrix(const std::vector<double>& values, size_t columns) {
  Json rows = Json::array();
  for (size_t i = 0; i < values.size(); i += columns) {
    rows.push_back(
        std::vector<double>(values.begin() + long(i), values.begin() + long(i + columns)));
  }
  return rows;
}

Json RulesJson(const std::vector<RuleResult>& rules) {
  Json json = Json::array();
  for (const RuleResult& rule : rules) {
    Json item = {{"rule", rule.rule},
                 {"verdict", std::string(VerdictName(rule.verdict))},
                 {"value", Maybe(rule.value)},
                 {rule.is_upper_bar ? "at_most" : "at_least", rule.bar}};
    if (!rule.detail.empty()) item["detail"] = rule.detail;
    json.push_back(std::move(item));
  }
  return json;
}

Json UnitJson(const Ratings& ratings, int unit) {
  const RatedUnit& u = ratings.units()[size_t(unit)];
  return {{"trace", ratings.traces()[size_t(u.trace)]},
          {"step", u.step},
          {"text_version", u.text_version}};
}

Json CardJson(const AnnotatorCard& card, const AgreementReport& report, const Ratings& ratings) {
  Json json = {{"annotator", ratings.annotators()[size_t(card.annotator)]},
               {"labelled", card.labelled},
               {"not_labelled", card.not_labelled},
               {"traces", card.traces},
               {"labels", ByLabel(report.labels, card.label_counts)},
               {"agreement_with_others", StatisticJson(card.with_others)},
               {"alpha_without", StatisticJson(report.jackknife.without[size_t(card.annotator)])},
               {"timed", card.timed},
               {"seconds", card.seconds},
               {"median_seconds", Maybe(card.median_seconds)},
               {"below_reading_floor", RateJson(card.below_floor)}};
  if (report.has_gold) {
    json["gold"] = RateJson(card.gold);
    json["recall_on_gold_incorrect"] = RateJson(card.gold_incorrect);
    json["false_alarms"] = RateJson(card.false_alarms);
    json["gold_confusion"] = Matrix(card.gold_confusion, report.labels.size());
  }
  return json;
}

Json GateJson(const AgreementReport& report) {
  Json people = Json::array();
  for (const PersonResult& person : report.person_rules) {
    people.push_back({{"annotator", person.annotator},
                      {"verdict", std::string(VerdictName(Together(person.rules)))},
                      {"rules", RulesJson(person.rules)}});
  }
  return {{"verdict", std::string(VerdictName(Together(report.group_rules)))},
          {"rules", RulesJson(report.group_rules)},
          {"people", std::move(people)}};
}

Json AggregationJson(const AgreementReport& report, const Ratings& ratings) {
  const AggregationSummary& summary = report.aggregation;
  Json items = Json::array();
  for (const AggregationSummary::Item& item : summary.items) {
    Json json = UnitJson(ratings, item.unit);
    json["majority"] = item.majority ? Json(report.labels[size_t(*item.majority)]) : Json(nullptr);
    json["likeliest"] = report.labels[size_t(item.likeliest)];
    json["posterior"] = item.posterior;
    items.push_back(std::move(json));
  }
  return {{"method", summary.is_dawid_skene ? "dawid_skene" : "one_coin"},
          {"why", summary.why},
          {"iterations", summary.iterations},
          {"converged", summary.converged},
          {"units", summary.units},
          {"same_as_majority", summary.same},
          {"different", summary.different},
          {"ties", summary.ties},
          {"below_adjudication", summary.below},
          {"prior", ByLabel(report.labels, summary.prior)},
          {"to_adjudicate", std::move(items)}};
}

}  // namespace

std::string AgreementJson(const AgreementReport& report, const Ratings& ratings) {
  Json json = {{"traces", report.traces},
               {"units", report.units},
               {"rated_units", report.rated_units},
               {"co_rated_units", report.co_rated_units},
               {"annotators", report.annotators},
               {"ratings", report.ratings},
               {"not_labelled", report.not_labelled},
               {"base_rates", ByLabel(report.labels, report.label_counts)},
               {"bootstrap",
                {{"clusters", "traces"},
                 {"replicates", report.bootstrap.replicates},
                 {"seed", report.bootstrap.seed},
                 {"level", report.bootstrap.level}}}};
  for (const ShownStatistic& shown : report.statistics) {
    Json item = StatisticJson(shown.statistic);
    item["low"] = Maybe(shown.interval.low);
    item["high"] = Maybe(shown.interval.high);
    item["undefined_resamples"] = shown.interval.undefined;
    if (!shown.band.empty()) item["band"] = shown.band;
    json["statistics"][shown.key] = std::move(item);
  }
  json["pairs"] = Json::array();
  for (const PairAgreementRow& pair : report.pairs) {
    json["pairs"].push_back({{"a", ratings.annotators()[size_t(pair.a)]},
                             {"b", ratings.annotators()[size_t(pair.b)]},
                             {"units", pair.units},
                             {"percent", StatisticJson(pair.percent)},
                             {"cohen", StatisticJson(pair.kappa)}});
  }
  json["pairs_without_overlap"] = report.pairs_without_overlap;
  json["confusion"] = Matrix(report.confusion, report.labels.size());
  json["outlier"] = report.jackknife.outlier
                        ? Json(ratings.annotators()[size_t(*report.jackknife.outlier)])
                        : Json(nullptr);
  json["worst_steps"] = Json::array();
  for (const WorstStep& worst : report.worst) {
    Json item = UnitJson(ratings, worst.unit);
    item["agreement"] = worst.agreement;
    item["labels"] = ByLabel(report.labels, worst.counts);
    json["worst_steps"].push_back(std::move(item));
  }
  json["cards"] = Json::array();
  for (const AnnotatorCard& card : report.cards) {
    json["cards"].push_back(CardJson(card, report, ratings));
  }
  json["aggregation"] = AggregationJson(report, ratings);
  if (report.has_gold) {
    json["gold"] = {{"units", report.gold_units},
                    {"unrated", report.gold_unrated},
                    {"partial", report.gold_partial}};
  }
  if (report.has_step_labels) json["gate"] = GateJson(report);
  return json.dump(2) + "\n";
}

}  // namespace prm
