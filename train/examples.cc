#include "train/examples.h"

#include <algorithm>

#include "data/error.h"

namespace prm {
namespace {

std::vector<StepTarget> TargetsOf(const Trace& trace, const ExampleOptions& options) {
  std::vector<StepTarget> targets(trace.steps.size());
  const int first_error = FirstLabelledError(trace);
  for (int s = 0; s < int(trace.steps.size()); ++s) {
    targets[s].labels = AdmissibleLabels(trace, s);
    if (!targets[s].labels.empty()) continue;
    if (options.use_soft) targets[s].soft = trace.steps[s].soft;
    if (options.negative_after_first_error && first_error >= 0 && s > first_error) {
      targets[s].labels = LabelSet::Wrong();
    }
  }
  return targets;
}

// Returns false if the trace is left out.
bool FitLength(const Trace& trace, const ExampleOptions& options, TraceTokens* tokens,
               ExampleCounts* counts) {
  if (int64_t(tokens->ids.size()) <= options.max_tokens) return true;
  const std::string what = StrCat("trace \"", trace.id, "\": ", tokens->ids.size(),
                                  " tokens, at most ", options.max_tokens, " are allowed");
  if (options.too_long == TooLong::kSkip) {
    ++counts->skipped_traces;
    return false;
  }
  if (options.too_long == TooLong::kError) {
    throw Error(ErrorCode::kOutOfRange,
                what + " (option too_long skip or cut, or option max_tokens)");
  }
  const int dropped = CutToFit(options.max_tokens, tokens);
  if (tokens->step_reads.empty()) {
    ++counts->skipped_traces;
    return false;
  }
  ++counts->cut_traces;
  counts->cut_steps += dropped;
  return true;
}

}  // namespace

std::vector<Example> MakeExamples(std::span<const Trace> traces, const StepFormat& format,
                                  const Tokenizer& tokenizer, const ExampleOptions& options,
                                  ExampleCounts* counts) {
  std::vector<Example> examples;
  for (const Trace& trace : traces) {
    Example example{TokenizeTrace(format, tokenizer, trace), TargetsOf(trace, options), trace.id};
    if (!FitLength(trace, options, &example.tokens, counts)) continue;
    example.targets.resize(example.tokens.step_reads.size());
    const auto labelled = std::count_if(example.targets.begin(), example.targets.end(),
                                        [](const StepTarget& t) { return t.counts(); });
    if (labelled == 0) {
      ++counts->unlabelled_traces;
      continue;
    }
    ++counts->traces;
    counts->steps += int64_t(example.targets.size());
    counts->labelled_steps += labelled;
    counts->tokens += int64_t(example.tokens.ids.size());
    examples.push_back(std::move(example));
  }
  return examples;
}

}  // namespace prm
