// CheckReport as JSON.
#include <nlohmann/json.hpp>

#include "data/curation/check.h"
#include "data/math_text/verdict.h"

namespace prm {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const std::optional<double>& number) { return number ? Json(*number) : Json(nullptr); }

Json ToJson(const FindingSample& sample) {
  Json examples = Json::array();
  for (const Finding& finding : sample.findings()) {
    Json one = {{"id", finding.id}};
    if (finding.step >= 0) one["step"] = finding.step;
    one["evidence"] = finding.evidence;
    one["text"] = finding.text;
    examples.push_back(std::move(one));
  }
  return {{"count", sample.count()}, {"examples", std::move(examples)}};
}

// {name of item i: value of item i}.
template <class Items, class Name, class Of>
Json ByName(const Items& items, Name name, Of of) {
  Json object = Json::object();
  for (size_t i = 0; i < items.size(); ++i) object[std::string(name(i))] = of(items[i]);
  return object;
}
template <class Items, class Name>
Json Counts(const Items& items, Name name) {
  return ByName(items, name, [](int64_t count) { return Json(count); });
}
template <class Samples, class Name>
Json SamplesByName(const Samples& samples, Name name) {
  return ByName(samples, name, [](const FindingSample& sample) { return ToJson(sample); });
}

std::string_view LabelName(size_t label) {
  return label < kNumLabels ? kLabelNames[label] : "unlabelled";
}

Json CardJson(const CheckReport& report) {
  Json labels = Counts(report.labels, LabelName);
  labels["unlabelled"] = report.unlabelled_steps;
  return {{"file", report.file},
          {"rows", report.rows},
          {"refused", {{"count", report.refused.count}, {"messages", report.refused.messages}}},
          {"steps", report.steps},
          {"longest_trace_steps", report.longest_trace},
          {"labels", std::move(labels)},
          {"necessity_unknown_traces", report.necessity_unknown},
          {"sources", report.sources},
          {"domains", report.domains},
          {"repeated_ids", ToJson(report.repeated_ids)}};
}

Json QaJson(const CheckReport& report) {
  const auto answer_name = [](size_t i) { return AnswerVerdictName(AnswerVerdict(i)); };
  const auto steps_name = [](size_t i) { return StepsVerdictName(StepsVerdict(i)); };
  return {{"table", ByName(report.qa, answer_name,
                           [&](const auto& row) { return Counts(row, steps_name); })},
          {"status", Counts(report.statuses, [](size_t i) { return QaStatusName(QaStatus(i)); })},
          {"right_answer_wrong_process", ToJson(report.right_answer_wrong_process)},
          {"conflicts", ToJson(report.answer_conflicts)},
          {"disputed_answers", ToJson(report.disputed_answers)}};
}

Json AuthorsJson(const std::vector<AuthorLength>& authors) {
  Json list = Json::array();
  for (const AuthorLength& author : authors) {
    list.push_back({{"domain", author.domain},
                    {"author", author.author},
                    {"traces", author.traces},
                    {"median_steps", author.median_steps},
                    {"domain_median_steps", author.domain_median},
                    {"robust_z", ToJson(author.robust_z)}});
  }
  return list;
}

Json SymbolicJson(const CheckReport& report) {
  Json reasons = Json::object();
  for (size_t i = 0; i < report.reasons.size(); ++i) {
    if (report.reasons[i] > 0) reasons[std::string(ReasonName(Reason(i)))] = report.reasons[i];
  }
  Json conflicts = Json::object(), hints = Json::object();
  for (size_t i = 0; i < kNumSymbolicConflicts; ++i) {
    const auto conflict = SymbolicConflict(i);
    Json& list = IsHint(conflict) ? hints : conflicts;
    list[std::string(SymbolicConflictName(conflict))] = ToJson(report.conflicts[i]);
  }
  return {{"steps_by_verdict_and_label",
           ByName(
               report.verdicts, [](size_t i) { return VerdictName(Verdict(i)); },
               [](const auto& row) { return Counts(row, LabelName); })},
          {"reasons", std::move(reasons)},
          {"hard_refutations", report.hard_refutations},
          {"conflicts", std::move(conflicts)},
          {"hints", std::move(hints)}};
}

Json HygieneJson(const CheckReport& report) {
  Json contamination = nullptr;
  if (!report.against.empty()) {
    contamination = {{"against", report.against},
                     {"evaluation_problems", report.evaluation_problems},
                     {"traces", report.contaminated_traces},
                     {"problems", SamplesByName(report.contamination, [](size_t i) {
                        return ContaminationKindName(ContaminationKind(i));
                      })}};
  }
  return {
      {"duplicates", SamplesByName(report.duplicates,
                                   [](size_t i) { return DuplicateKindName(DuplicateKind(i)); })},
      {"problems", report.problems},
      {"groups", report.groups},
      {"largest_group_traces", report.largest_group},
      {"group_links",
       SamplesByName(report.group_links, [](size_t i) { return ProblemLinkName(ProblemLink(i)); })},
      {"comparisons_left_out", report.comparisons_left_out},
      {"contamination", std::move(contamination)}};
}

Json ToJson(const DiversityReport& diversity) {
  Json entropy = Json::object();
  for (const auto& [domain, value] : diversity.strategy_entropy) entropy[domain] = ToJson(value);
  return {{"traces", diversity.traces},
          {"paths", diversity.paths},
          {"vendi", ToJson(diversity.vendi)},
          {"sampled", diversity.sampled},
          {"self_bleu", ToJson(diversity.self_bleu)},
          {"distinct_2", ToJson(diversity.distinct2)},
          {"strategies", diversity.strategies},
          {"strategy_entropy", std::move(entropy)}};
}

Json DiversityJson(const CheckReport& report) {
  Json paths = Json::object();
  for (const auto& [count, problems] : report.distinct_paths) {
    paths[std::to_string(count)] = problems;
  }
  Json cells = Json::array();
  for (const CellState& state : report.coverage) {
    Json cell = {{"domain", state.cell.domain},
                 {"strategy", state.cell.strategy},
                 {"difficulty", kDifficultyNames[size_t(state.cell.difficulty)]},
                 {"count", state.count},
                 {"target", state.target},
                 {"deficit", state.deficit}};
    if (state.why_not) cell["does_not_apply"] = *state.why_not;
    cells.push_back(std::move(cell));
  }
  return {{"all", ToJson(report.all)},
          {"passed", ToJson(report.passed)},
          {"problems_by_distinct_valid_paths", std::move(paths)},
          {"problems_not_clustered", report.problems_not_clustered},
          {"coverage", std::move(cells)}};
}

}  // namespace

std::string CheckJson(const CheckReport& report) {
  const Json json = {
      {"card", CardJson(report)},
      {"qa", QaJson(report)},
      {"lints", SamplesByName(report.lints, [](size_t i) { return LintName(Lint(i)); })},
      {"authors", AuthorsJson(report.authors)},
      {"unknown_strategies", ToJson(report.unknown_strategies)},
      {"symbolic", SymbolicJson(report)},
      {"hygiene", HygieneJson(report)},
      {"diversity", DiversityJson(report)},
      {"seed", report.seed},
  };
  return json.dump(1) + "\n";
}

}  // namespace prm
