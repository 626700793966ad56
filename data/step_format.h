// How a problem and its steps become token ids, and where each step's score is read.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer.h"
#include "data/trace.h"

namespace prm {

// Part of a checkpoint (prm.json "format"). Separators are placed by id, never by joining strings:
//   prefix_ids  Encode(problem)  problem_suffix_ids  { Encode(step)  separator_ids }*
// and a step is read at the last id of the separator that follows it. Problem and steps are encoded
// as ordinary text (SpecialTokens::kText): user text cannot forge a special token.
struct StepFormat {
  std::vector<TokenId> prefix_ids;
  std::vector<TokenId> problem_suffix_ids;
  std::vector<TokenId> separator_ids;  // at least one
  friend bool operator==(const StepFormat&, const StepFormat&) = default;
};

// ids [T]; step_reads [S] strictly rising indices into ids, one a step.
struct TraceTokens {
  std::vector<TokenId> ids;
  std::vector<int32_t> step_reads;
};

// The default format for a tokenizer without a format of its own: BOS where the tokenizer has one
// that its model expects (`prepend_bos`), and the id of "\n" after the problem and after each step.
StepFormat NewlineFormat(const Tokenizer& tokenizer, bool prepend_bos);

// Ids of the context that precedes the first step.
std::vector<TokenId> ProblemIds(const StepFormat& format, const Tokenizer& tokenizer,
                                std::string_view problem);
// Appends one step with its separator. Building step by step equals TokenizeTrace.
void AppendStep(const StepFormat& format, const Tokenizer& tokenizer, std::string_view step,
                TraceTokens* tokens);
// Throws Error(kInvalidArgument) naming `trace.id` and the step: no steps, an empty step, text that
// is not UTF-8.
TraceTokens TokenizeTrace(const StepFormat& format, const Tokenizer& tokenizer, const Trace& trace);

// What to do with a trace of more than the allowed tokens.
enum class TooLong { kError, kSkip, kCut };

// Keeps the leading whole steps that fit into max_tokens; returns how many steps were dropped.
int CutToFit(int max_tokens, TraceTokens* tokens);

}  // namespace prm
