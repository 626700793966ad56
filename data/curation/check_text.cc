// CheckReport as one page of text.
#include <algorithm>
#include <iomanip>

#include "data/curation/check.h"
#include "data/error.h"
#include "data/math_text/verdict.h"
#include "data/report/html_report.h"

namespace prm {
namespace {

constexpr size_t kShownCells = 8;

// Otherwise control characters would reach the terminal.
std::string Plain(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    plain += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return plain;
}

std::string Number(const std::optional<double>& number) {
  return number ? FormatFixed(*number, 3) : "undefined";
}

class Page {
 public:
  void Section(std::string_view heading) {
    out_ << (out_.tellp() > 0 ? "\n" : "") << heading << "\n";
  }
  template <class... Parts>
  void Line(const Parts&... parts) {
    ((out_ << "  ") << ... << parts) << "\n";
  }
  void Count(std::string_view name, int64_t count, std::string_view note = "") {
    out_ << "  " << std::left << std::setw(34) << name << std::right << std::setw(12)
         << FormatCount(count) << (note.empty() ? "" : "  ") << note << "\n";
  }
  // The count and one example.
  void Findings(std::string_view name, const FindingSample& sample) {
    Count(name, sample.count());
    const std::vector<Finding> findings = sample.findings();
    if (findings.empty()) return;
    const Finding& first = findings.front();
    const std::string place = first.step < 0 ? "" : StrCat(" step ", first.step);
    Line("    e.g. ", Plain(first.id), place, ": ", Plain(first.evidence));
  }
  std::string Text() const { return out_.str(); }

 private:
  std::ostringstream out_;
};

void AddCard(const CheckReport& report, Page* page) {
  page->Section(StrCat("Data card: ", Plain(report.file)));
  page->Count("traces", report.rows);
  page->Count("lines refused", report.refused.count);
  for (const std::string& message : report.refused.messages) page->Line("  ", Plain(message));
  page->Count("steps", report.steps, StrCat("longest trace ", report.longest_trace));
  for (size_t i = 0; i < kNumLabels; ++i) page->Count(kLabelNames[i], report.labels[i]);
  page->Count("not annotated", report.unlabelled_steps);
  page->Count("traces of unknown necessity", report.necessity_unknown);
  page->Findings("repeated ids", report.repeated_ids);
}

void AddQa(const CheckReport& report, Page* page) {
  page->Section("Two-level QA (answer, then steps)");
  std::ostringstream head;
  head << std::left << std::setw(12) << "answer" << std::right;
  for (int i = 0; i < kNumStepsVerdicts; ++i) {
    head << std::setw(17) << StepsVerdictName(StepsVerdict(i));
  }
  page->Line(head.str());
  for (size_t answer = 0; answer < kNumAnswerVerdicts; ++answer) {
    std::ostringstream row;
    row << std::left << std::setw(12) << AnswerVerdictName(AnswerVerdict(answer)) << std::right;
    for (const int64_t count : report.qa[answer]) row << std::setw(17) << FormatCount(count);
    page->Line(row.str());
  }
  for (size_t i = 0; i < kNumQaStatuses; ++i) {
    const std::string_view route = QaRoute(QaStatus(i));
    page->Count(QaStatusName(QaStatus(i)), report.statuses[i],
                route == "none" ? "" : StrCat("to ", route));
  }
  page->Findings("disputed answers", report.disputed_answers);
}

void AddLints(const CheckReport& report, Page* page) {
  page->Section("Lints (warnings; they never label)");
  for (size_t i = 0; i < kNumLints; ++i) page->Findings(LintName(Lint(i)), report.lints[i]);
  page->Findings("strategy tag outside the list", report.unknown_strategies);
  for (const AuthorLength& author : report.authors) {
    if (!author.robust_z || std::abs(*author.robust_z) <= AuthorLengths::kOutlier) continue;
    page->Line("author ", Plain(author.author), " in ", Plain(author.domain), ": median of ",
               author.median_steps, " steps against ", author.domain_median, ", robust z ",
               FormatFixed(*author.robust_z, 1));
  }
  page->Section("Symbolic checks (steps)");
  for (size_t verdict = report.verdicts.size(); verdict-- > 0;) {
    int64_t count = 0;
    for (const int64_t one : report.verdicts[verdict]) count += one;
    page->Count(VerdictName(Verdict(verdict)), count);
  }
  page->Count("of the refuted: hard", report.hard_refutations);
  for (size_t i = 0; i < kNumSymbolicConflicts; ++i) {
    const auto conflict = SymbolicConflict(i);
    page->Findings(StrCat(IsHint(conflict) ? "hint: " : "", SymbolicConflictName(conflict)),
                   report.conflicts[i]);
  }
}

void AddHygiene(const CheckReport& report, Page* page) {
  page->Section("Duplicates and groups");
  for (size_t i = 0; i < kNumDuplicateKinds; ++i) {
    page->Findings(DuplicateKindName(DuplicateKind(i)), report.duplicates[i]);
  }
  page->Count("distinct problems", report.problems);
  page->Count("groups for splits", report.groups,
              StrCat("largest ", FormatCount(report.largest_group), " traces"));
  for (size_t i = 0; i < report.group_links.size(); ++i) {
    page->Findings(StrCat("joined by ", ProblemLinkName(ProblemLink(i))), report.group_links[i]);
  }
  if (report.comparisons_left_out > 0) {
    page->Count("comparisons left out", report.comparisons_left_out);
  }
  page->Section("Contamination");
  if (report.against.empty()) {
    page->Line("not checked: no evaluation file given");
    return;
  }
  page->Count("evaluation problems", report.evaluation_problems);
  page->Count("traces of contaminated problems", report.contaminated_traces);
  for (size_t i = 0; i < kNumContaminationKinds; ++i) {
    page->Findings(ContaminationKindName(ContaminationKind(i)), report.contamination[i]);
  }
}

void AddDiversity(const CheckReport& report, Page* page) {
  page->Section("Diversity");
  for (const auto& [name, diversity] :
       {std::pair{"all traces", &report.all}, std::pair{"passed QA", &report.passed}}) {
    page->Line(name, ": ", FormatCount(diversity->traces), " traces; Vendi score of ",
               FormatCount(diversity->paths), " paths ", Number(diversity->vendi),
               "; of a sample of ", diversity->sampled, ": self-BLEU ",
               Number(diversity->self_bleu), ", distinct-2 ", Number(diversity->distinct2));
  }
  for (const auto& [domain, entropy] : report.passed.strategy_entropy) {
    page->Line("strategy entropy in ", Plain(domain), ": ", Number(entropy));
  }
  for (const auto& [paths, problems] : report.distinct_paths) {
    page->Count(StrCat("problems with ", paths, paths == 1 ? " valid path" : " valid paths"),
                problems);
  }
  if (report.problems_not_clustered > 0) {
    page->Count("problems with too many paths", report.problems_not_clustered);
  }
  std::vector<const CellState*> lacking;
  for (const CellState& state : report.coverage) {
    if (state.deficit > 0) lacking.push_back(&state);
  }
  std::stable_sort(lacking.begin(), lacking.end(),
                   [](const CellState* a, const CellState* b) { return a->deficit > b->deficit; });
  page->Count("cells below their target", int64_t(lacking.size()),
              StrCat("of ", report.coverage.size()));
  for (size_t i = 0; i < std::min(lacking.size(), kShownCells); ++i) {
    page->Line("  ", Plain(CellText(lacking[i]->cell)), ": ", lacking[i]->count, " of ",
               lacking[i]->target);
  }
  if (lacking.size() > kShownCells) {
    page->Line("  and ", lacking.size() - kShownCells, " more; see --json or --html");
  }
}

}  // namespace

std::string CheckText(const CheckReport& report) {
  Page page;
  AddCard(report, &page);
  AddQa(report, &page);
  AddLints(report, &page);
  AddHygiene(report, &page);
  AddDiversity(report, &page);
  return page.Text();
}

}  // namespace prm
