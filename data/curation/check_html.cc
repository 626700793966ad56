// CheckReport as one HTML page.
#include <algorithm>

#include "data/analysis/strategies.h"
#include "data/curation/check.h"
#include "data/error.h"
#include "data/math_text/verdict.h"
#include "data/report/html_pictures.h"
#include "data/report/html_report.h"

namespace prm {
namespace {

constexpr size_t kMaxBars = 20;

std::string Number(const std::optional<double>& number) {
  return number ? FormatFixed(*number, 3) : "undefined";
}

Tone ToneOfCount(int64_t count, Tone tone) { return count > 0 ? tone : Tone::kGood; }

// The samples of one section, below its counts.
void AddFindings(std::string_view name, const FindingSample& sample, HtmlReport* page) {
  const std::vector<Finding> findings = sample.findings();
  if (findings.empty()) return;
  HtmlTable table;
  table.caption = StrCat(name, ": ", findings.size(), " of ", FormatCount(sample.count()));
  table.columns = {"Trace", HtmlColumn("Step", true), "Evidence", "Text"};
  table.folded = true;
  for (const Finding& finding : findings) {
    table.rows.push_back({finding.id, finding.step < 0 ? "" : std::to_string(finding.step),
                          finding.evidence, finding.text});
  }
  page->Table(table);
}

// Name, count and meaning, one row per kind.
class CountTable {
 public:
  explicit CountTable(std::string kind) {
    table_.columns = {HtmlColumn(std::move(kind)), HtmlColumn("Found", true), "Meaning"};
  }
  void Row(std::string_view name, int64_t count, std::string meaning, Tone tone = Tone::kPlain) {
    table_.rows.push_back({std::string(name),
                           HtmlCell(FormatCount(count), count > 0 ? tone : Tone::kMuted),
                           std::move(meaning)});
  }
  const HtmlTable& table() const { return table_; }

 private:
  HtmlTable table_;
};

// The largest first; the rest is one bar.
std::string CountBars(std::string title, const std::map<std::string, int64_t>& counts) {
  std::vector<std::pair<std::string, int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  BarChart chart{std::move(title), {}, {{"traces", {}}}};
  double rest = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i + 1 > kMaxBars) {
      rest += double(sorted[i].second);
      continue;
    }
    chart.categories.push_back(sorted[i].first);
    chart.series[0].values.push_back(double(sorted[i].second));
  }
  if (rest > 0) {
    chart.categories.push_back(StrCat(sorted.size() - kMaxBars, " others"));
    chart.series[0].values.push_back(rest);
  }
  return BarChartSvg(chart);
}

void AddOverview(const CheckReport& report, HtmlReport* page) {
  int64_t removable = 0, warnings = 0, conflicts = 0;
  for (size_t i = 0; i < kNumSymbolicConflicts; ++i) {
    if (!IsHint(SymbolicConflict(i))) conflicts += report.conflicts[i].count();
  }
  for (size_t i = 0; i < kNumDuplicateKinds; ++i) {
    if (IsRemovable(DuplicateKind(i))) removable += report.duplicates[i].count();
  }
  for (const FindingSample& lint : report.lints) warnings += lint.count();
  const int64_t wrong_process = report.statuses[size_t(QaStatus::kFailRightAnswerWrongProcess)];
  const bool asked = !report.against.empty();
  page->Tiles({
      {"Traces", FormatCount(report.rows), StrCat(FormatCount(report.steps), " steps")},
      {"Lines refused", FormatCount(report.refused.count), "",
       ToneOfCount(report.refused.count, Tone::kBad)},
      {"Passed QA", FormatCount(report.statuses[0]),
       report.rows > 0 ? FormatPercent(double(report.statuses[0]) / double(report.rows)) : "",
       Tone::kGood},
      {"Right answer, wrong process", FormatCount(wrong_process), "never in the positive set",
       ToneOfCount(wrong_process, Tone::kWarning)},
      {"Duplicates to remove", FormatCount(removable), "", ToneOfCount(removable, Tone::kWarning)},
      {"Contaminated traces", asked ? FormatCount(report.contaminated_traces) : "not checked",
       asked ? "" : "no evaluation file given",
       asked ? ToneOfCount(report.contaminated_traces, Tone::kBad) : Tone::kMuted},
      {"Lint warnings", FormatCount(warnings), "they never label"},
      {"Symbolic conflicts", FormatCount(conflicts), "for review"},
  });
}

void AddCard(const CheckReport& report, HtmlReport* page) {
  page->Section("Data card");
  CountTable rows("Rows");
  rows.Row("traces", report.rows, "lines read");
  rows.Row("refused", report.refused.count, "lines that are no trace", Tone::kBad);
  rows.Row("steps", report.steps, StrCat("longest trace: ", FormatCount(report.longest_trace)));
  rows.Row("repeated ids", report.repeated_ids.count(), "two traces of one name", Tone::kBad);
  rows.Row("necessity unknown", report.necessity_unknown,
           "traces whose correct_necessary only means correct");
  page->Table(rows.table());
  if (!report.refused.messages.empty()) page->List(report.refused.messages);
  AddFindings("Repeated ids", report.repeated_ids, page);
  BarChart labels{"Steps by label", {}, {{"steps", {}}}};
  for (size_t i = 0; i < kNumLabels; ++i) {
    labels.categories.emplace_back(kLabelNames[i]);
    labels.series[0].values.push_back(double(report.labels[i]));
  }
  labels.categories.emplace_back("not annotated");
  labels.series[0].values.push_back(double(report.unlabelled_steps));
  page->Figures({{"Labels", BarChartSvg(labels)},
                 {"Sources", CountBars("Traces by source", report.sources)},
                 {"Domains", CountBars("Traces by domain", report.domains)}});
}

void AddQa(const CheckReport& report, HtmlReport* page) {
  page->Section("Two-level QA");
  page->Paragraph(
      "The answer is checked first, then every step. A right answer reached through an invalid "
      "step "
      "fails; a valid chain that ends wrong is a conflict of labels and answer key.");
  HtmlTable table;
  table.columns = {"Answer"};
  for (int i = 0; i < kNumStepsVerdicts; ++i) {
    table.columns.push_back(HtmlColumn(std::string(StepsVerdictName(StepsVerdict(i))), true));
  }
  for (size_t answer = 0; answer < kNumAnswerVerdicts; ++answer) {
    std::vector<HtmlCell> row = {std::string(AnswerVerdictName(AnswerVerdict(answer)))};
    for (size_t steps = 0; steps < kNumStepsVerdicts; ++steps) {
      const QaStatus status = Combine(AnswerVerdict(answer), StepsVerdict(steps));
      const int64_t count = report.qa[answer][steps];
      const Tone tone = count == 0                      ? Tone::kMuted
                        : status == QaStatus::kPass     ? Tone::kGood
                        : status == QaStatus::kConflict ? Tone::kBad
                                                        : Tone::kPlain;
      row.emplace_back(StrCat(FormatCount(count), " ", QaStatusName(status)), tone);
    }
    table.rows.push_back(std::move(row));
  }
  page->Table(table);
  BarChart statuses{"Traces by status", {}, {{"traces", {}}}};
  for (size_t i = 0; i < kNumQaStatuses; ++i) {
    const std::string_view route = QaRoute(QaStatus(i));
    statuses.categories.push_back(StrCat(QaStatusName(QaStatus(i)),
                                         route == "none" ? "" : " \u2192 ",
                                         route == "none" ? "" : route));
    statuses.series[0].values.push_back(double(report.statuses[i]));
  }
  page->Figure("Status and who has the next word", BarChartSvg(statuses));
  AddFindings("Right answer, wrong process", report.right_answer_wrong_process, page);
  AddFindings("Conflicts of answer key and labels", report.answer_conflicts, page);
  AddFindings("Disputed answers", report.disputed_answers, page);
}

void AddLints(const CheckReport& report, HtmlReport* page) {
  page->Section("Lints");
  page->Paragraph("Warnings route work to people. They never label.");
  constexpr std::array<std::string_view, kNumLints> kMeanings = {
      "more than the one transformation, source, .. that the guideline allows",
      "more sentences than the guideline allows",
      "more words than the guideline allows",
      "possible skipped step: an equation several elementary operations from the context",
      "possible missing premise: a number without a source",
      "possible redundant step: at least .9 similar to an earlier one"};
  CountTable table("Lint");
  for (size_t i = 0; i < kNumLints; ++i) {
    table.Row(LintName(Lint(i)), report.lints[i].count(), std::string(kMeanings[i]),
              Tone::kWarning);
  }
  table.Row("unknown_strategy", report.unknown_strategies.count(),
            "a strategy tag outside the domain's list", Tone::kWarning);
  page->Table(table.table());
  for (size_t i = 0; i < kNumLints; ++i) AddFindings(LintName(Lint(i)), report.lints[i], page);
  AddFindings("unknown_strategy", report.unknown_strategies, page);
  HtmlTable authors;
  authors.caption = "Steps per trace by author, against the domain's median";
  authors.columns = {"Domain",
                     "Author",
                     HtmlColumn("Traces", true),
                     HtmlColumn("Median", true),
                     HtmlColumn("Domain", true),
                     HtmlColumn("Robust z", true)};
  authors.folded = true;
  for (const AuthorLength& author : report.authors) {
    const bool outlier = author.robust_z && std::abs(*author.robust_z) > AuthorLengths::kOutlier;
    authors.rows.push_back(
        {author.domain, author.author, FormatCount(author.traces),
         FormatFixed(author.median_steps, 1), FormatFixed(author.domain_median, 1),
         HtmlCell(Number(author.robust_z), outlier ? Tone::kWarning : Tone::kPlain)});
  }
  if (!authors.rows.empty()) page->Table(authors);
}

void AddSymbolic(const CheckReport& report, HtmlReport* page) {
  page->Section("Symbolic checks");
  page->Paragraph(
      "Refuted is strong evidence, arith_ok weak, not_checked none. No verdict is a label.");
  BarChart chart{"Share of the steps of each label", {}, {}, 100, 1, " %"};
  for (size_t label = 0; label <= kNumLabels; ++label) {
    chart.categories.emplace_back(label < kNumLabels ? kLabelNames[label] : "not annotated");
  }
  for (const Verdict verdict : {Verdict::kNotChecked, Verdict::kArithOk, Verdict::kRefuted}) {
    BarSeries series{std::string(VerdictName(verdict)), {}};
    for (size_t label = 0; label <= kNumLabels; ++label) {
      int64_t all = 0;
      for (const auto& row : report.verdicts) all += row[label];
      const int64_t count = report.verdicts[size_t(verdict)][label];
      series.values.push_back(all > 0 ? 100 * double(count) / double(all) : 0);
    }
    chart.series.push_back(std::move(series));
  }
  page->Figure("Verdicts by human label", BarChartSvg(chart));
  CountTable table("Conflict");
  constexpr std::array<std::string_view, kNumSymbolicConflicts> kMeanings = {
      "labelled correct, but arithmetic or an identity in it is false: to review",
      "labelled correct, but it contradicts earlier equations: a hint, more often a case, a "
      "substituted value or a reused letter than a slip",
      "called a calculation error, but all relations hold: to review"};
  for (size_t i = 0; i < kNumSymbolicConflicts; ++i) {
    const auto conflict = SymbolicConflict(i);
    table.Row(SymbolicConflictName(conflict), report.conflicts[i].count(),
              std::string(kMeanings[i]), IsHint(conflict) ? Tone::kMuted : Tone::kWarning);
  }
  table.Row("hard refutations", report.hard_refutations, "closed arithmetic or a false identity");
  page->Table(table.table());
  for (size_t i = 0; i < kNumSymbolicConflicts; ++i) {
    AddFindings(SymbolicConflictName(SymbolicConflict(i)), report.conflicts[i], page);
  }
}

void AddHygiene(const CheckReport& report, HtmlReport* page) {
  page->Section("Duplicates and groups");
  constexpr std::array<std::string_view, kNumDuplicateKinds> kMeanings = {
      "text and labels equal an earlier trace's: removed by prm data dedup",
      "text equal, labels not: to review",
      "Jaccard of word 5-grams at least .8, labels, numbers and ending equal: removed by prm data "
      "dedup",
      "like near, but these differ: a changed step beside its original, kept"};
  CountTable table("Duplicate traces");
  for (size_t i = 0; i < kNumDuplicateKinds; ++i) {
    const Tone tone = i == size_t(DuplicateKind::kLabelConflict) ? Tone::kBad : Tone::kWarning;
    table.Row(DuplicateKindName(DuplicateKind(i)), report.duplicates[i].count(),
              std::string(kMeanings[i]),
              i == size_t(DuplicateKind::kContrast) ? Tone::kPlain : tone);
  }
  page->Table(table.table());
  for (size_t i = 0; i < kNumDuplicateKinds; ++i) {
    AddFindings(DuplicateKindName(DuplicateKind(i)), report.duplicates[i], page);
  }
  CountTable groups("Problems");
  groups.Row("distinct problems", report.problems, "by normal text");
  groups.Row("groups", report.groups,
             StrCat("stay on one side of a split; the largest has ",
                    FormatCount(report.largest_group), " traces"));
  for (size_t i = 0; i < report.group_links.size(); ++i) {
    groups.Row(StrCat("joined by ", ProblemLinkName(ProblemLink(i))), report.group_links[i].count(),
               "two groups became one");
  }
  page->Table(groups.table());
  for (size_t i = 0; i < report.group_links.size(); ++i) {
    AddFindings(StrCat("Joined by ", ProblemLinkName(ProblemLink(i))), report.group_links[i], page);
  }
  if (report.comparisons_left_out > 0) {
    page->Note(StrCat(FormatCount(report.comparisons_left_out),
                      " comparisons were left out, among texts that all look alike."),
               Tone::kWarning);
  }
}

void AddContamination(const CheckReport& report, HtmlReport* page) {
  page->Section("Contamination");
  if (report.against.empty()) {
    page->Note("Not checked: no evaluation file was given.", Tone::kMuted);
    return;
  }
  if (report.contaminated_traces == 0) {
    page->Note("No problem of this file is in the evaluation files.", Tone::kGood);
  } else {
    page->Note(StrCat(FormatCount(report.contaminated_traces),
                      " traces are of problems in an evaluation file: do not train on them and "
                      "evaluate on that file."),
               Tone::kBad);
  }
  constexpr std::array<std::string_view, kNumContaminationKinds> kMeanings = {
      "Jaccard of word 5-grams at least .5", "13 words in a row",
      "equal with numbers masked, and the answers equal"};
  CountTable table("Contaminated problems");
  for (size_t i = 0; i < kNumContaminationKinds; ++i) {
    table.Row(ContaminationKindName(ContaminationKind(i)), report.contamination[i].count(),
              std::string(kMeanings[i]), Tone::kBad);
  }
  page->Table(table.table());
  for (size_t i = 0; i < kNumContaminationKinds; ++i) {
    AddFindings(ContaminationKindName(ContaminationKind(i)), report.contamination[i], page);
  }
}

// Passed traces, strategy by domain, summed over difficulties.
HeatMap CoverageMap(const CheckReport& report) {
  HeatMap map{"Passed traces by strategy and domain", "strategy", "domain", {}, {}, {}};
  const auto place = [](std::vector<std::string>* names, const std::string& name) {
    const auto found = std::find(names->begin(), names->end(), name);
    if (found == names->end()) names->push_back(name);
    return size_t(std::find(names->begin(), names->end(), name) - names->begin());
  };
  for (const CellState& state : report.coverage) {
    place(&map.rows, state.cell.strategy);
    place(&map.columns, state.cell.domain);
  }
  map.values.assign(map.rows.size(), std::vector<std::optional<double>>(map.columns.size()));
  for (const CellState& state : report.coverage) {
    if (state.why_not) continue;
    auto& value =
        map.values[place(&map.rows, state.cell.strategy)][place(&map.columns, state.cell.domain)];
    value = value.value_or(0) + double(state.count);
  }
  return map;
}

void AddCoverage(const CheckReport& report, HtmlReport* page) {
  page->Heading("Coverage");
  if (report.coverage.empty()) {
    page->Note("No trace passed QA, so no cell is covered.", Tone::kWarning);
    return;
  }
  page->Figure("Coverage (empty cells do not apply)", HeatMapSvg(CoverageMap(report)));
  HtmlTable table;
  table.caption = "Cells: strategy, domain, difficulty";
  table.columns = {"Domain",
                   "Strategy",
                   "Difficulty",
                   HtmlColumn("Passed", true),
                   HtmlColumn("Target", true),
                   HtmlColumn("Deficit", true),
                   "Remark"};
  table.folded = true;
  for (const CellState& state : report.coverage) {
    table.rows.push_back(
        {state.cell.domain, state.cell.strategy,
         std::string(kDifficultyNames[size_t(state.cell.difficulty)]), FormatCount(state.count),
         FormatCount(state.target),
         HtmlCell(FormatCount(state.deficit), state.deficit > 0 ? Tone::kWarning : Tone::kGood),
         state.why_not   ? HtmlCell(StrCat("does not apply: ", *state.why_not), Tone::kMuted)
         : state.deficit ? HtmlCell("authoring task")
                         : HtmlCell("")});
  }
  page->Table(table);
}

void AddDiversity(const CheckReport& report, HtmlReport* page) {
  page->Section("Diversity");
  HtmlTable table;
  table.columns = {"", HtmlColumn("All traces", true), HtmlColumn("Passed QA", true)};
  const auto row = [&](const char* name, auto value) {
    table.rows.push_back({name, value(report.all), value(report.passed)});
  };
  row("Traces", [](const DiversityReport& d) { return FormatCount(d.traces); });
  row("Traces with an operation path",
      [](const DiversityReport& d) { return FormatCount(d.paths); });
  row("Vendi score of the paths", [](const DiversityReport& d) { return Number(d.vendi); });
  row("Traces sampled for the next two",
      [](const DiversityReport& d) { return FormatCount(d.sampled); });
  row("Self-BLEU", [](const DiversityReport& d) { return Number(d.self_bleu); });
  row("Distinct-2", [](const DiversityReport& d) { return Number(d.distinct2); });
  page->Table(table);
  HtmlTable entropy;
  entropy.caption = "Strategy entropy, 0 (one strategy) to 1 (all of the list equally often)";
  entropy.columns = {"Domain", HtmlColumn("All traces", true), HtmlColumn("Passed QA", true)};
  for (const auto& [domain, value] : report.all.strategy_entropy) {
    const auto passed = report.passed.strategy_entropy.find(domain);
    const bool none = passed == report.passed.strategy_entropy.end();
    entropy.rows.push_back({domain.empty() ? "unknown" : domain, Number(value),
                            none ? "undefined" : Number(passed->second)});
  }
  if (!entropy.rows.empty()) page->Table(entropy);
  if (!report.distinct_paths.empty()) {
    BarChart paths{"Problems by number of distinct valid paths", {}, {{"problems", {}}}};
    for (const auto& [count, problems] : report.distinct_paths) {
      paths.categories.push_back(StrCat(count, count == 1 ? " path" : " paths"));
      paths.series[0].values.push_back(double(problems));
    }
    page->Figure("Distinct valid paths per problem (passed traces)", BarChartSvg(paths));
  }
  AddCoverage(report, page);
}

}  // namespace

std::string CheckHtml(const CheckReport& report) {
  HtmlReport page(StrCat("Check of ", report.file),
                  "Quality, duplicates, contamination and diversity of annotated traces");
  AddOverview(report, &page);
  AddCard(report, &page);
  AddQa(report, &page);
  AddLints(report, &page);
  AddSymbolic(report, &page);
  AddHygiene(report, &page);
  AddContamination(report, &page);
  AddDiversity(report, &page);
  return page.Html();
}

}  // namespace prm
