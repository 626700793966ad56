// The two-level QA verdict on every trace of a file, one JSON line each.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include "data/analysis/qa.h"
#include "data/analysis/trace_analysis.h"

namespace prm {

struct QaOptions {
  std::filesystem::path in;
  std::filesystem::path out = "-";
  std::filesystem::path guidelines;  // empty: the shipped ones
  int threads = 0;                   // 0: all cores
};

struct QaResult {
  std::array<int64_t, kNumQaStatuses> statuses = {};  // traces
  int64_t with_findings = 0;                          // traces; hints do not count
};

// {"id", "status", "route", "answer": {"verdict", "found", "how", "disputed"}, "steps", "strategy":
// {"tag", "suggested", "cue"}, "path", "findings": [{"step", "kind", "route", "evidence"}]} without
// newline. A finding's route is "warn" for lints, "review" for symbolic conflicts and "hint" for
// those that IsHint, which do not count towards with_findings.
std::string QaLine(const Trace& trace, const TraceAnalysis& analysis);

// Writes one line per trace, in order. Throws Error for the first invalid trace; nothing is written
// then.
QaResult WriteQaLines(const QaOptions& options);

}  // namespace prm
