// Labelled traces as token sequences with training targets.
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
  bool use_soft = false;  // use soft values for steps without a label
  // Unlabelled steps after the first labelled error count as wrong instead of being masked.
  bool negative_after_first_error = false;
};

struct Example {
  TraceTokens tokens;
  std::vector<StepTarget> targets;  // one per read
  std::string id{};                 // the trace's id, for messages
};

struct ExampleCounts {
  int64_t traces = 0, steps = 0, tokens = 0, labelled_steps = 0;
  int64_t skipped_traces = 0;  // too long; under kCut, if even the first step does not fit
  int64_t cut_traces = 0, cut_steps = 0;
  int64_t unlabelled_traces = 0;  // without anything to learn from; left out
};

// Throws Error(kOutOfRange) with the trace's id if a trace is too long under kError. Traces without
// a labelled step are left out and counted.
std::vector<Example> MakeExamples(std::span<const Trace> traces, const StepFormat& format,
                                  const Tokenizer& tokenizer, const ExampleOptions& options,
                                  ExampleCounts* counts);

}  // namespace prm
