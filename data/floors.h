// Text-free floors: how well step errors are guessed without reading a word.
#pragma once

#include <optional>
#include <span>

#include "data/trace.h"

namespace prm {

struct Floors {
  std::optional<double> online_auroc;  // step number, its length, the length so far
  std::optional<double> whole_auroc;   // also trace length, relative place, last step or not
};
// Logistic regression fitted on `train`, AUROC of finding errors on `test`. Undefined where either
// lacks a class.
Floors TextFreeFloors(std::span<const Trace> train, std::span<const Trace> test);

}  // namespace prm
