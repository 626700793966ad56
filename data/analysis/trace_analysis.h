// All that quality assurance, lints and diversity report about one trace.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/analysis/coverage.h"
#include "data/analysis/guidelines.h"
#include "data/analysis/paths.h"
#include "data/analysis/qa.h"
#include "data/analysis/step_lints.h"
#include "data/analysis/strategies.h"
#include "data/math_text/verdict.h"
#include "data/trace.h"

namespace prm {

struct ConflictFinding {
  SymbolicConflict conflict;
  uint32_t step;         // 0-based
  Severity severity;     // of the refutation
  std::string evidence;  // the relation, as written
};

struct TraceAnalysis {
  AnswerCheck answer;
  StepsVerdict steps = StepsVerdict::kUnlabelled;
  QaStatus status = QaStatus::kUnlabelled;
  std::vector<LintFinding> lints;
  std::vector<ConflictFinding> conflicts;
  std::vector<Verdict> verdict_of_step;
  std::array<int64_t, kNumReasons> reasons = {};  // steps by Reason
  int64_t hard_refutations = 0;                   // number of steps
  Path path;
  StrategySuggestion suggestion;
  Cell cell;  // the tagged strategy ("other" if the tag is not in the list), or the suggested one
              // without a tag
  bool unknown_strategy = false;  // the tag is not in the domain's list
};

// Pure; safe from any thread. Runs the symbolic checker on the steps.
TraceAnalysis AnalyzeTrace(const Trace& trace, const Guidelines& guidelines);

}  // namespace prm
