// Text-free floors: how well step errors can be guessed without reading a word.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "data/trace.h"

namespace prm {

enum class Floor {
  kOnline,  // step number; lengths of the step, the problem and the preceding steps
  kWhole,   // also the trace's length, the step's relative position, last step or not
};

// p_correct of every step of `test`, [traces][steps], by logistic regression fitted on the
// annotated steps of `train`; nullopt if `train` lacks a class. bench/results/floors.md documents
// the choice of features and the results.
std::optional<std::vector<std::vector<float>>> TextFreeScores(std::span<const Trace> train,
                                                              std::span<const Trace> test,
                                                              Floor floor);

struct Floors {
  std::optional<double> online_auroc, whole_auroc;
};
// AUROC of finding errors in `test` by TextFreeScores. Undefined if either set lacks a class.
Floors TextFreeFloors(std::span<const Trace> train, std::span<const Trace> test);

}  // namespace prm
