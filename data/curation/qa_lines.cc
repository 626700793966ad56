#include "data/curation/qa_lines.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/io/text_io.h"
#include "data/math_text/verdict.h"
#include "data/records/trace_stream.h"

namespace prm {
namespace {

bool HasFindings(const TraceAnalysis& analysis) {
  const auto counts = [](const ConflictFinding& found) { return !IsHint(found.conflict); };
  return !analysis.lints.empty() ||
         std::any_of(analysis.conflicts.begin(), analysis.conflicts.end(), counts);
}

}  // namespace

std::string QaLine(const Trace& trace, const TraceAnalysis& analysis) {
  using Json = nlohmann::ordered_json;
  Json answer = {{"verdict", AnswerVerdictName(analysis.answer.verdict)}};
  if (analysis.answer.found) {
    answer["found"] = analysis.answer.found->text;
    answer["how"] = AnswerSourceName(analysis.answer.found->source);
  }
  if (analysis.answer.disputed) answer["disputed"] = true;
  Json strategy = {{"suggested", analysis.suggestion.strategy}, {"cue", analysis.suggestion.cue}};
  if (!trace.strategy.empty()) strategy["tag"] = trace.strategy;
  if (analysis.unknown_strategy) strategy["unknown_tag"] = true;
  Json findings = Json::array();
  for (const ConflictFinding& conflict : analysis.conflicts) {
    findings.push_back({{"step", conflict.step},
                        {"kind", SymbolicConflictName(conflict.conflict)},
                        {"route", IsHint(conflict.conflict) ? "hint" : "review"},
                        {"severity", SeverityName(conflict.severity)},
                        {"evidence", conflict.evidence}});
  }
  for (const LintFinding& lint : analysis.lints) {
    findings.push_back({{"step", lint.step},
                        {"kind", LintName(lint.lint)},
                        {"route", "warn"},
                        {"evidence", lint.evidence}});
  }
  const Json line = {{"id", trace.id},
                     {"status", QaStatusName(analysis.status)},
                     {"route", QaRoute(analysis.status)},
                     {"answer", std::move(answer)},
                     {"steps", StepsVerdictName(analysis.steps)},
                     {"strategy", std::move(strategy)},
                     {"path", PathText(analysis.path)},
                     {"findings", std::move(findings)}};
  return line.dump();
}

QaResult WriteQaLines(const QaOptions& options) {
  struct Line {
    std::string text;
    QaStatus status;
    bool findings;
  };
  const Guidelines guidelines =
      options.guidelines.empty() ? Guidelines::Default() : Guidelines::Read(options.guidelines);
  QaResult result;
  OutputFile out(options.out);
  ForEachTrace(
      options.in, options.threads,
      [&](const Trace& trace) {
        const TraceAnalysis analysis = AnalyzeTrace(trace, guidelines);
        return Line{QaLine(trace, analysis), analysis.status, HasFindings(analysis)};
      },
      [&](const Line& line, const TraceLine&) {
        ++result.statuses[size_t(line.status)];
        result.with_findings += line.findings;
        out.Write(line.text + "\n");
      },
      ThrowRefusal);
  out.Commit();
  return result;
}

}  // namespace prm
