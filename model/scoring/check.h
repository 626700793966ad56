// Comparing a checkpoint's scores with those that another program gave the same traces, or that
// it gives itself with its weights as stored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/scoring/offline_scoring.h"
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

struct WeightsChange {
  ModelDescription model;                     // with the weights that are compared
  CheckResult self_tests, data;               // without data no traces
  std::optional<double> stored_auroc, auroc;  // of finding wrong steps; nullopt: undefined on data
};

// What options.weights does to a checkpoint's scores, beside its weights as stored: of its
// self-test traces, and of a file of labelled traces, or "". The two models are loaded one after
// the other, the second without its self-test. Throws Error for what cannot be loaded or scored,
// too long traces as `offline` says.
WeightsChange CompareWeights(const std::string& folder, const ScorerOptions& options,
                             const std::string& data, const OfflineOptions& offline = {});

}  // namespace prm
