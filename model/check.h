// Comparing a checkpoint's scores with those that another program gave the same traces.
#pragma once

#include <cstdint>
#include <string>

#include "model/step_scorer.h"

namespace prm {

struct CheckResult {
  int64_t traces = 0, steps = 0;
  double worst = 0;  // largest |score - reference|
  double mean = 0;
  std::string worst_where;  // "ref.jsonl:7: trace \"p3\", step 2: 0.41, reference 0.53"
};

// `file`: JSON lines {"id"?, "problem", "steps": [...], "scores": [S]}, the scores being p_correct;
// with "ids" [T] and "step_reads" [S] instead of the texts, or beside them: then the format must
// give these, too. Plain, gzip, xz, "-". Throws Error naming file and line for a line that is none
// of this, for ids or reads that differ (with the first place where they do), for no lines.
CheckResult CheckAgainstReference(StepScorer& scorer, const std::string& file);

}  // namespace prm
