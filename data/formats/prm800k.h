// Writes PRM800K rows and reads the rated alternatives in them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/format.h"

namespace prm {

// Traces that came from PRM800K rows are written as those rows, with their current texts and
// labels; others become rows with one completion per step.
std::unique_ptr<RowWriter> NewPrm800kWriter(const WriteOptions& options);

// A rated step that could replace step `step` after the same preceding steps.
struct Alternative {
  size_t step = 0;  // at most the number of steps: after the last
  std::string text;
  StepLabel label = StepLabel::kIncorrect;
};

// The alternatives in meta.prm800k; empty if it is absent. Throws Error(kInvalidArgument) naming
// the trace if it is malformed.
std::vector<Alternative> AlternativesOf(const Trace& trace);

// Whether the trace is an alternative of another, by meta.tree (ReadOptions::alternatives).
bool IsAlternative(const Trace& trace);

}  // namespace prm
