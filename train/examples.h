// Labelled traces as token runs with training targets.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/records/step_format.h"
#include "data/trace.h"
#include "train/loss.h"

namespace prm {

struct ExampleOptions {
  int max_tokens = 1024;
  TooLong too_long = TooLong::kError;
  bool use_soft = false;  // soft values where a step has no label
  // Unlabelled steps after the first labelled error: masked, or counted as wrong.
  bool negative_after_first_error = false;
};

struct Example {
  TraceTokens tokens;
  std::vector<StepTarget> targets;  // one a read
  std::string id{};                 // of the trace, for messages
};

struct ExampleCounts {
  int64_t traces = 0, steps = 0, tokens = 0, labelled_steps = 0;
  int64_t skipped_traces = 0;  // too long, also under kCut where not even the first step fits
  int64_t cut_traces = 0, cut_steps = 0;
  int64_t unlabelled_traces = 0;  // nothing to learn from; left out
};

// Throws Error(kOutOfRange) with the trace's id for a trace that is too long under kError. Traces
// without a labelled step are left out and counted.
std::vector<Example> MakeExamples(std::span<const Trace> traces, const StepFormat& format,
                                  const Tokenizer& tokenizer, const ExampleOptions& options,
                                  ExampleCounts* counts);

}  // namespace prm
