// Text-free floors: how well step errors are guessed without reading a word.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "data/trace.h"

namespace prm {

enum class Floor {
  kOnline,  // step number; lengths of the step, of the problem and of the steps before
  kWhole,   // also the trace's length, the step's relative place in it, last step or not
};

// p_correct of every step of `test`, [traces][steps], by logistic regression fitted on the
// annotated steps of `train`; nullopt where `train` lacks a class. bench/results/floors.md says
// how the features were chosen and what they reach.
std::optional<std::vector<std::vector<float>>> TextFreeScores(std::span<const Trace> train,
                                                              std::span<const Trace> test,
                                                              Floor floor);

struct Floors {
  std::optional<double> online_auroc, whole_auroc;
};
// AUROC of finding errors on `test` by TextFreeScores. Undefined where either lacks a class.
Floors TextFreeFloors(std::span<const Trace> train, std::span<const Trace> test);

}  // namespace prm
