// Converts a problem and its steps to token ids, and finds where each step's score is read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/tokenizer.h"
#include "data/trace.h"

namespace prm {

// Token ids or a text. In the text, {problem}, {step} and {n} (the step's number from 1) are
// replaced by those of the trace.
struct FormatPart {
  std::vector<TokenId> ids;
  std::string text;
  bool alone = false;  // encode the text by itself, as if nothing came before or after it
  friend bool operator==(const FormatPart&, const FormatPart&) = default;
};

// Part of a checkpoint (prm.json "format"). The ids of a trace are those of
//    prompt  step  { between step }*
// A step is read at the last id of its `step` parts, or `read_back` ids before. What the model sees
// between that and the next step, such as the answer "+" of a chat, belongs to `between`. Adjacent
// texts are joined and encoded as one, up to the next ids or the end of the step; a text after ids
// continues there, without the space that some tokenizers put before a new text. Separators are
// ids, so no text can merge with them; texts of the trace are encoded as ordinary text
// (SpecialTokens::kText), so they cannot forge a special token.
struct StepFormat {
  std::vector<FormatPart> prompt;   // contains {problem} once
  std::vector<FormatPart> step;     // contains {step} once
  std::vector<FormatPart> between;  // contains neither
  // Each line of a step goes through `step` separately; the step is read at its last line's end.
  bool by_line = false;
  bool trim = false;  // drop white space around a step
  int read_back = 0;
  friend bool operator==(const StepFormat&, const StepFormat&) = default;
};

// Throws Error(kInvalidArgument) naming `where` and the part for a missing, repeated or misplaced
// placeholder or a negative id.
void CheckStepFormat(const StepFormat& format, std::string_view where);

// ids [T]; step_reads [S]: strictly rising indices into ids, one per step.
struct TraceTokens {
  std::vector<TokenId> ids;
  std::vector<int32_t> step_reads;
  int32_t steps_begin = 0;  // ids before it belong only to the prompt
};

// The default format for a tokenizer that has none: BOS if the tokenizer has one that its model
// expects (`prepend_bos`), and the id of "\n" after the problem and after each step.
StepFormat NewlineFormat(const Tokenizer& tokenizer, bool prepend_bos);

// Like NewlineFormat, with a special token after each step instead of "\n", so that only the end of
// a step has its id. Throws Error(kInvalidArgument) if `separator` is not a special token of the
// tokenizer (naming some that are) or stands before every text.
StepFormat SeparatorFormat(const Tokenizer& tokenizer, bool prepend_bos,
                           std::string_view separator);

// The text with which a step generator ends a step: the line feeds that the format puts between
// steps, as text or ids; "\n\n" if it puts anything else or nothing there.
std::string StepDelimiter(const StepFormat& format, const Tokenizer& tokenizer);

// Builds the ids of a growing trace step by step; borrows format and tokenizer. A copy grows
// independently, at the cost of its ids. Single-threaded.
class TraceBuilder {
 public:
  // Throws Error(kInvalidArgument) with the byte offset if a text is not UTF-8.
  TraceBuilder(const StepFormat& format, const Tokenizer& tokenizer, std::string_view problem);
  // Also throws for an empty step and one that yields no token; the trace is then unchanged.
  void Append(std::string_view step);
  // Returns to the state after the first `steps` steps. Throws Error(kOutOfRange) for a negative
  // number or more steps than there are.
  void Rewind(int steps);

  int steps() const { return int(tokens_.step_reads.size()); }
  // Size of the ids, the reads and the kept texts.
  int64_t size_bytes() const;

  // Complete for the steps so far: ids end with the last step's. Before the first step, the
  // prompt's last text may still be missing, as it may join with the step.
  const TraceTokens& tokens() const { return tokens_; }

 private:
  // Text that may still grow before it is encoded, and how it will be encoded.
  struct OpenText {
    std::string text;
    TextStart start = TextStart::kNew;
  };

  void AppendUnchecked(std::string_view step);
  void Add(const std::vector<FormatPart>& parts, std::string_view text, int number);
  void Flush(std::optional<TextStart> start = std::nullopt);

  const StepFormat* format_;
  const Tokenizer* tokenizer_;
  TraceTokens tokens_;
  OpenText open_;         // without text after every step
  OpenText prompts_end_;  // `open_` before the first step
};

// Throws Error(kInvalidArgument) naming `trace.id` and the step: no steps, an empty step, text that
// is not UTF-8.
TraceTokens TokenizeTrace(const StepFormat& format, const Tokenizer& tokenizer, const Trace& trace);

// A lower bound of the ids that a step adds to a trace, or that a trace has, from the bytes of its
// texts: refuses overlong traces at a fraction of the cost of tokenising. 0 if the tokenizer has no
// bound.
int64_t MinStepTokens(const StepFormat& format, const Tokenizer& tokenizer, std::string_view step);
int64_t MinTokens(const StepFormat& format, const Tokenizer& tokenizer, const Trace& trace);

// How to handle a trace with more than the allowed tokens.
enum class TooLong { kError, kSkip, kCut };

// Keeps the leading whole steps that fit into max_tokens; returns the number of steps dropped.
int CutToFit(int max_tokens, TraceTokens* tokens);

}  // namespace prm
