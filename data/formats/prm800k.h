// PRM800K rows out, and the rated alternatives that they carry.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/format.h"

namespace prm {

// Traces that came from PRM800K rows become those rows again, with the texts and labels that they
// have now; others become rows with one completion a step.
std::unique_ptr<RowWriter> NewPrm800kWriter(const WriteOptions& options);

// A rated step that could stand in place of step `step` behind the same steps before it.
struct Alternative {
  size_t step = 0;  // at most the number of steps: behind the last
  std::string text;
  StepLabel label = StepLabel::kIncorrect;
};

// Those of meta.prm800k; none where it is absent. Throws Error(kInvalidArgument) naming the trace
// where it is malformed.
std::vector<Alternative> AlternativesOf(const Trace& trace);

// Whether the trace is an alternative of another one, by meta.tree (ReadOptions::alternatives).
bool IsAlternative(const Trace& trace);

}  // namespace prm
