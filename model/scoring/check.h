// Compares a checkpoint's scores with scores of the same traces from another program, or from the
// same checkpoint with its weights as stored.
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

// `file`: JSON lines {"id"?, "problem", "steps": [...], "scores": [S]}, the scores being p_correct.
// A line may have "ids" [T] and "step_reads" [S] instead of the texts; with both, the format must
// produce the same ids and reads. Plain, gzip, xz, or "-". Throws Error naming file and line for a
// malformed line, for ids or reads that differ (with the first difference), or without lines.
CheckResult CheckAgainstReference(StepScorer& scorer, const std::string& file);

struct WeightsChange {
  ModelDescription model;                     // with the options' weights
  CheckResult self_tests, data;               // `data` has no traces if no data was given
  std::optional<double> stored_auroc, auroc;  // of detecting wrong steps; nullopt if undefined
};

// Compares the scores of a checkpoint under options.weights with those under its weights as stored:
// on its self-test traces, and on a file of labelled traces ("" for none). Loads the two models one
// after the other, the second without its self-test. Throws Error if something cannot be loaded or
// scored; `offline` decides about traces that are too long.
WeightsChange CompareWeights(const std::string& folder, const ScorerOptions& options,
                             const std::string& data, const OfflineOptions& offline = {});

}  // namespace prm
