#include "data/curation/check.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "data/analysis/strategies.h"
#include "data/analysis/trace_analysis.h"
#include "data/curation/diversity.h"
#include "data/error.h"
#include "data/math_text/verdict.h"
#include "data/similarity/normal_text.h"
#include "data/text/ascii.h"
#include "data/text/hash.h"

namespace prm {
namespace {

constexpr size_t kMaxTextBytes = 400;
constexpr size_t kBleuSample = 500;

// A worker thread's result for one trace.
struct Checked {
  Trace trace;
  TraceAnalysis analysis;
  std::string problem;  // normal text
  std::optional<std::string> source_id;
  TracePrint print;
  std::string author;
};

Checked CheckOne(Trace trace, const Guidelines& guidelines) {
  Checked checked;
  checked.analysis = AnalyzeTrace(trace, guidelines);
  checked.problem = NormalText(trace.problem);
  checked.source_id = SourceProblemId(trace);
  checked.print = PrintOf(trace, checked.problem);
  checked.author = AuthorOf(trace);
  checked.trace = std::move(trace);
  return checked;
}

std::string StepsText(const Trace& trace) {
  std::string text;
  for (const Step& step : trace.steps) text += (text.empty() ? "" : "\n") + step.text;
  return text;
}

// Counts strategies and paths and keeps a uniform sample of texts.
class DiversityCounter {
 public:
  explicit DiversityCounter(uint64_t seed) : sample_(kBleuSample, seed) {}

  void Add(const Checked& checked) {
    ++report_.traces;
    vendi_.Add(checked.analysis.path);
    const Cell& cell = checked.analysis.cell;
    ++report_.strategies[cell.domain][cell.strategy];
    sample_.Add([&] { return Finding{"", -1, "", NormalText(StepsText(checked.trace))}; });
  }

  DiversityReport Report() {
    report_.vendi = vendi_.Score();
    report_.paths = vendi_.count();
    std::vector<std::string> texts;
    for (Finding& finding : sample_.findings()) texts.push_back(std::move(finding.text));
    report_.sampled = int64_t(texts.size());
    report_.self_bleu = SelfBleu(texts);
    report_.distinct2 = Distinct2(texts);
    for (const auto& [domain, counted] : report_.strategies) {
      std::vector<int64_t> counts;
      for (const std::string_view strategy : StrategiesOf(domain)) {
        const auto found = counted.find(std::string(strategy));
        counts.push_back(found == counted.end() ? 0 : found->second);
      }
      report_.strategy_entropy[domain] = NormalizedEntropy(counts);
    }
    return std::move(report_);
  }

 private:
  DiversityReport report_;
  PathVendi vendi_;
  FindingSample sample_;
};

// Merges the traces into one report, in file order.
class Checker {
 public:
  explicit Checker(const CheckOptions& options)
      : options_(options),
        plan_(options.plan.empty() ? CoveragePlan() : CoveragePlan::Read(options.plan)),
        all_(options.seed),
        passed_(options.seed) {
    CheckReport& report = report_;
    report.file = options.in == "-" ? "standard input" : options.in.filename().string();
    report.seed = options.seed;
    const FindingSample empty(options.examples, options.seed);
    report.lints.fill(empty);
    report.conflicts.fill(empty);
    report.duplicates.fill(empty);
    report.group_links.fill(empty);
    report.contamination.fill(empty);
    for (FindingSample* sample :
         {&report.repeated_ids, &report.right_answer_wrong_process, &report.answer_conflicts,
          &report.disputed_answers, &report.unknown_strategies}) {
      *sample = empty;
    }
    for (const std::filesystem::path& path : options.against) {
      evaluation_.AddFile(path);
      report.against.push_back(path.filename().string());
    }
    report.evaluation_problems = int64_t(evaluation_.size());
  }

  void Add(Checked&& checked) {
    CountRow(checked);
    CountQa(checked);
    CountLints(checked);
    CountSymbolic(checked);
    CountDuplicate(checked);
    const uint32_t problem = problems_.Add(checked.problem, checked.source_id);
    CountProblem(checked, problem);
    all_.Add(checked);
    if (checked.analysis.status == QaStatus::kPass) {
      passed_.Add(checked);
      coverage_.Add(checked.analysis.cell);
      passed_paths_[problem].push_back(checked.analysis.path);
    }
  }

  void Refuse(const std::string& message) { report_.refused.Add(message); }

  CheckReport Finish() {
    report_.authors = authors_.Report();
    report_.comparisons_left_out =
        duplicates_.comparisons_left_out() + problems_.comparisons_left_out();
    FinishGroups();
    FinishContamination();
    FinishPaths();
    report_.all = all_.Report();
    report_.passed = passed_.Report();
    report_.coverage = coverage_.States(plan_);
    return std::move(report_);
  }

 private:
  static Finding Whole(const Checked& checked, std::string evidence) {
    return {checked.trace.id, -1, std::move(evidence),
            ClipText(checked.trace.problem, kMaxTextBytes)};
  }
  static Finding At(const Checked& checked, uint32_t step, std::string evidence) {
    return {checked.trace.id, step, std::move(evidence),
            ClipText(checked.trace.steps[step].text, kMaxTextBytes)};
  }

  void CountRow(const Checked& checked) {
    const Trace& trace = checked.trace;
    ++report_.rows;
    report_.steps += int64_t(trace.steps.size());
    report_.longest_trace = std::max(report_.longest_trace, int64_t(trace.steps.size()));
    for (const Step& step : trace.steps) {
      ++(step.label ? report_.labels[size_t(*step.label)] : report_.unlabelled_steps);
    }
    report_.necessity_unknown += !trace.necessity_known;
    ++report_.sources[trace.source.empty() ? "unknown" : trace.source];
    ++report_.domains[trace.domain.empty() ? "unknown" : trace.domain];
    if (!ids_.insert(KeyOf(trace.id)).second) {
      report_.repeated_ids.Add([&] { return Whole(checked, "the id comes again"); });
    }
    authors_.Add(trace.domain, checked.author, int64_t(trace.steps.size()));
  }

  void CountQa(const Checked& checked) {
    const TraceAnalysis& analysis = checked.analysis;
    ++report_.qa[size_t(analysis.answer.verdict)][size_t(analysis.steps)];
    ++report_.statuses[size_t(analysis.status)];
    const auto answer = [&] {
      const auto& found = analysis.answer.found;
      const auto& key = checked.trace.reference_answer;
      return StrCat("answer ", found ? ClipText(found->text, 60) : "as stated", ", key ",
                    key ? ClipText(*key, 60) : "not given");
    };
    if (analysis.status == QaStatus::kFailRightAnswerWrongProcess) {
      report_.right_answer_wrong_process.Add([&] {
        const auto first = checked.trace.first_error;
        const bool known = first && *first >= 0;
        return known ? At(checked, uint32_t(*first), "first invalid step")
                     : Whole(checked, answer());
      });
    }
    if (analysis.status == QaStatus::kConflict) {
      report_.answer_conflicts.Add([&] { return Whole(checked, answer()); });
    }
    if (analysis.answer.disputed) {
      report_.disputed_answers.Add([&] {
        return Whole(checked,
                     StrCat(answer(), ", stated as ", AnswerVerdictName(analysis.answer.verdict)));
      });
    }
  }

  void CountLints(const Checked& checked) {
    for (const LintFinding& finding : checked.analysis.lints) {
      report_.lints[size_t(finding.lint)].Add(
          [&] { return At(checked, finding.step, finding.evidence); });
    }
    if (checked.analysis.unknown_strategy) {
      report_.unknown_strategies.Add([&] { return Whole(checked, checked.trace.strategy); });
    }
  }

  void CountSymbolic(const Checked& checked) {
    const TraceAnalysis& analysis = checked.analysis;
    for (size_t i = 0; i < checked.trace.steps.size(); ++i) {
      const auto& label = checked.trace.steps[i].label;
      ++report_.verdicts[size_t(analysis.verdict_of_step[i])][label ? size_t(*label) : kNumLabels];
    }
    for (size_t i = 0; i < kNumReasons; ++i) report_.reasons[i] += analysis.reasons[i];
    report_.hard_refutations += analysis.hard_refutations;
    for (const ConflictFinding& conflict : analysis.conflicts) {
      report_.conflicts[size_t(conflict.conflict)].Add([&] {
        return At(checked, conflict.step,
                  StrCat(conflict.evidence, ", ", SeverityName(conflict.severity)));
      });
    }
  }

  void CountDuplicate(const Checked& checked) {
    const std::optional<Duplicate> duplicate = duplicates_.Add(checked.print);
    if (duplicates_.kept() > kept_ids_.size()) kept_ids_.push_back(checked.trace.id);
    if (!duplicate) return;
    report_.duplicates[size_t(duplicate->kind)].Add([&] {
      Finding finding = Whole(
          checked, StrCat("of ", kept_ids_[duplicate->of], ", similarity ", duplicate->similarity));
      finding.text = ClipText(StepsText(checked.trace), kMaxTextBytes);
      return finding;
    });
  }

  void CountProblem(const Checked& checked, uint32_t problem) {
    if (problem == traces_of_problem_.size()) {
      traces_of_problem_.push_back(0);
      answers_.emplace_back();
    }
    ++traces_of_problem_[problem];
    if (evaluation_.size() > 0 && answers_[problem].empty()) {
      const Trace& trace = checked.trace;
      if (trace.reference_answer) {
        answers_[problem] = NormalizeAnswer(*trace.reference_answer);
      } else if (checked.analysis.answer.verdict == AnswerVerdict::kRight) {
        const auto found = trace.answer ? FoundAnswer{*trace.answer, AnswerSource::kGiven}
                                        : ExtractAnswer(trace.steps.back().text);
        if (found) answers_[problem] = NormalizeAnswer(found->text);
      }
    }
  }

  void FinishGroups() {
    report_.problems = problems_.size();
    std::unordered_map<uint32_t, int64_t> groups;
    for (uint32_t problem = 0; problem < problems_.size(); ++problem) {
      groups[problems_.GroupOf(problem)] += traces_of_problem_[problem];
    }
    report_.groups = int64_t(groups.size());
    for (const auto& [group, traces] : groups) {
      report_.largest_group = std::max(report_.largest_group, traces);
    }
    for (const ProblemTable::Link& link : problems_.links()) {
      report_.group_links[size_t(link.kind)].Add([&] {
        return Finding{"", -1,
                       StrCat("similarity ", link.similarity, ": ",
                              ClipText(problems_.Text(link.a), kMaxTextBytes)),
                       ClipText(problems_.Text(link.b), kMaxTextBytes)};
      });
    }
  }

  void FinishContamination() {
    if (evaluation_.size() == 0) return;
    const auto answer_of = [&](uint32_t problem) { return answers_[problem]; };
    for (const Contamination& one : evaluation_.FindIn(problems_, answer_of)) {
      report_.contaminated_traces += traces_of_problem_[one.problem];
      report_.contamination[size_t(one.kind)].Add([&] {
        return Finding{
            StrCat(one.file, ":", one.id), -1,
            StrCat("similarity ", one.similarity, ": ", ClipText(one.evidence, kMaxTextBytes)),
            ClipText(problems_.Text(one.problem), kMaxTextBytes)};
      });
    }
  }

  void FinishPaths() {
    for (const auto& [problem, paths] : passed_paths_) {
      try {
        const std::vector<int> clusters = PathClusters(paths);
        ++report_.distinct_paths[*std::max_element(clusters.begin(), clusters.end()) + 1];
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kResourceExhausted) throw;
        ++report_.problems_not_clustered;
      }
    }
  }

  const CheckOptions& options_;
  CoveragePlan plan_;
  CheckReport report_;
  EvaluationProblems evaluation_;
  std::unordered_set<TextKey, TextKeyHash> ids_;
  AuthorLengths authors_;
  DuplicateFinder duplicates_;
  std::vector<std::string> kept_ids_;
  ProblemTable problems_;
  std::vector<int64_t> traces_of_problem_;
  std::vector<std::string> answers_;  // by problem, normalised
  std::unordered_map<uint32_t, std::vector<Path>> passed_paths_;
  DiversityCounter all_, passed_;
  Coverage coverage_;
};

}  // namespace

CheckReport CheckTraces(const CheckOptions& options) {
  const Guidelines guidelines =
      options.guidelines.empty() ? Guidelines::Default() : Guidelines::Read(options.guidelines);
  Checker checker(options);
  ForEachTrace(
      options.in, options.threads,
      [&](Trace&& trace) { return CheckOne(std::move(trace), guidelines); },
      [&](Checked&& checked, const TraceLine&) { checker.Add(std::move(checked)); },
      [&](const std::string& message) { checker.Refuse(message); });
  return checker.Finish();
}

}  // namespace prm
