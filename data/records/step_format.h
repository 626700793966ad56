// How a problem and its steps become token ids, and where each step's score is read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/tokenizer.h"
#include "data/trace.h"

namespace prm {

// Token ids, or else text, in which {problem}, {step} and {n}, the step's number from 1, stand for
// those of the trace.
struct FormatPart {
  std::vector<TokenId> ids;
  std::string text;
  bool alone = false;  // the text is encoded by itself, as if nothing came before or behind it
  friend bool operator==(const FormatPart&, const FormatPart&) = default;
};

// Part of a checkpoint (prm.json "format"): the ids of a trace are those of
//   prompt  step  { between step }*
// and a step is read at the last id of its `step` parts, or `read_back` ids before; what a model is
// shown behind that before the next step, such as the answer "+" of a chat, belongs to `between`.
// Texts that follow each other are joined and encoded as one, up to the next ids or the end of the
// step; a text behind ids goes on there, without the space that some tokenizers put before a new
// text. Separators are ids, so that no text can merge with them; texts of the trace are encoded as
// ordinary text (SpecialTokens::kText), so that they cannot forge a special token.
struct StepFormat {
  std::vector<FormatPart> prompt;   // has {problem} once
  std::vector<FormatPart> step;     // has {step} once
  std::vector<FormatPart> between;  // has neither
  // Each line of a step goes through `step` by itself; the step is read at the last line's end.
  bool by_line = false;
  bool trim = false;  // white space around a step is dropped
  int read_back = 0;
  friend bool operator==(const StepFormat&, const StepFormat&) = default;
};

// Throws Error(kInvalidArgument) naming `where` and the part: a missing, repeated or misplaced
// placeholder, a negative id.
void CheckStepFormat(const StepFormat& format, std::string_view where);

// ids [T]; step_reads [S] strictly rising indices into ids, one a step.
struct TraceTokens {
  std::vector<TokenId> ids;
  std::vector<int32_t> step_reads;
  int32_t steps_begin = 0;  // what comes before belongs to the prompt alone
};

// The default format for a tokenizer without a format of its own: BOS where the tokenizer has one
// that its model expects (`prepend_bos`), and the id of "\n" after the problem and after each step.
StepFormat NewlineFormat(const Tokenizer& tokenizer, bool prepend_bos);

// The same with a special token behind each step instead of "\n", so that nothing but the end of a
// step has its id. Throws Error(kInvalidArgument) for what is no special token of the tokenizer,
// naming some that are, and for one that stands before every text.
StepFormat SeparatorFormat(const Tokenizer& tokenizer, bool prepend_bos,
                           std::string_view separator);

// Where a generator of steps ends one: the line feeds that the format, as text or as ids, puts
// between a step and the next; "\n\n" where it puts anything else there or nothing.
std::string StepDelimiter(const StepFormat& format, const Tokenizer& tokenizer);

// Builds the ids of a growing trace step by step; borrows format and tokenizer. A copy grows on by
// itself, at the cost of its ids. One thread.
class TraceBuilder {
 public:
  // Throws Error(kInvalidArgument) with the byte offset where a text is not UTF-8.
  TraceBuilder(const StepFormat& format, const Tokenizer& tokenizer, std::string_view problem);
  // Also throws for an empty step, and one without a single token; the trace is then as before.
  void Append(std::string_view step);
  // Back to the first `steps` steps, as if no other had come. Throws Error(kOutOfRange) for fewer
  // than none and more than there are.
  void Rewind(int steps);

  int steps() const { return int(tokens_.step_reads.size()); }
  // Of the ids, the reads and the texts that are kept.
  int64_t size_bytes() const;

  // Complete for the steps so far: ids end with the last step's. Before the first step the prompt's
  // last text may still be missing, as it may join with the step.
  const TraceTokens& tokens() const { return tokens_; }

 private:
  // Text that may still grow before it is encoded, and how it will be.
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
  OpenText open_;         // without text behind every step
  OpenText prompts_end_;  // what `open_` was before the first step
};

// Throws Error(kInvalidArgument) naming `trace.id` and the step: no steps, an empty step, text that
// is not UTF-8.
TraceTokens TokenizeTrace(const StepFormat& format, const Tokenizer& tokenizer, const Trace& trace);

// A lower bound of the ids that a step adds to a trace, or a trace has, from a look at the bytes of
// the texts: to refuse what is far too long at a small part of the cost of tokenising it. 0 where
// the tokenizer knows none.
int64_t MinStepTokens(const StepFormat& format, const Tokenizer& tokenizer, std::string_view step);
int64_t MinTokens(const StepFormat& format, const Tokenizer& tokenizer, const Trace& trace);

// What to do with a trace of more than the allowed tokens.
enum class TooLong { kError, kSkip, kCut };

// Keeps the leading whole steps that fit into max_tokens; returns how many steps were dropped.
int CutToFit(int max_tokens, TraceTokens* tokens);

}  // namespace prm
