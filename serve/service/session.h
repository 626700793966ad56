// A trace that grows step by step while it is scored: its tokens, the scores of its steps, and the
// text of an unfinished step. No threads, no model: the model's prefix cache finds a trace by its
// ids, so a session holds no model state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/records/step_format.h"
#include "data/scores.h"
#include "model/step_scorer.h"
#include "serve/wire/session_messages.h"

namespace prm {

// Splits text that arrives in pieces at the delimiters between steps. Blank text between two
// delimiters is no step. Works on bytes: a piece may end within a character or a delimiter.
class StepSplitter {
 public:
  explicit StepSplitter(std::string delimiter) : delimiter_(std::move(delimiter)) {}

  void Add(std::string_view piece);
  // Returns the next step that a delimiter ends, without the delimiter.
  std::optional<std::string> Next();
  // Returns the text after the last delimiter as a step; drops it and returns nullopt if blank.
  std::optional<std::string> Rest();
  void Clear();
  // Bytes that Next and Rest have not returned yet.
  size_t size_bytes() const { return text_.size() - begin_; }

 private:
  std::string delimiter_;
  std::string text_;
  size_t begin_ = 0;     // text before it was returned
  size_t searched_ = 0;  // no delimiter begins in [begin_, searched_)
};

// The model's and the server's rules for every session; outlives them.
struct SessionRules {
  SessionRules(const StepScorer& scorer, int steps, int step_bytes);

  const StepFormat& format;
  const Tokenizer& tokenizer;
  const std::string model;  // its name
  const double threshold;
  const std::string step_delimiter;
  const int max_tokens;
  const int max_steps;
  const int max_step_bytes;
};

// A step is added by Begin, followed by Commit or Abandon before any other call. A method that
// throws changes nothing. One thread at a time.
class Session {
 public:
  // Throws Error(kInvalidArgument) if text is not UTF-8, the problem is too long for the model, or
  // the threshold is outside [0, 1]; Error(kNotFound) for another model.
  Session(const SessionRules& rules, const SessionOptions& options);

  // Scored steps.
  int steps() const { return int(p_correct_.size()); }
  // Whether its client wants diagnostics with each score.
  bool diagnostics() const { return diagnostics_; }

  // Returns the tokens of the trace plus `step`; only the new step is read. Throws
  // Error(kInvalidArgument) if the step is empty, is not UTF-8, or it or the trace exceeds a limit.
  TraceTokens Begin(std::string_view step);
  // Takes the scores of the tokens from Begin. Throws Error(kInternal) if there are none.
  Appended Commit(const TraceScores& scores);
  // Undoes Begin if there will be no scores.
  void Abandon();

  // Adds to the text of unfinished steps. Throws Error(kInvalidArgument) if it exceeds
  // max_step_bytes, Error(kFailedPrecondition) after DropText.
  void AddText(std::string_view piece);
  // Removes and returns the next step of that text; nullopt if none is complete. `at_end`: the text
  // ends its last step.
  std::optional<std::string> NextStep(bool at_end);
  bool has_text() const { return text_.size_bytes() > 0; }
  // Bytes of the trace and of the text of unfinished steps.
  int64_t size_bytes() const { return trace_.size_bytes() + int64_t(text_.size_bytes()); }
  // Call after a refused piece or step. Drops the text, and refuses more until RollBack: pieces
  // already sent would otherwise be read as another step.
  void DropText();

  // Copies the session with its first `steps` steps, without text. Throws Error(kOutOfRange).
  Session Fork(int steps) const;
  // Keeps the first `steps` steps and drops the text. Throws Error(kOutOfRange).
  void RollBack(int steps);

 private:
  const SessionRules& rules_;
  const double threshold_;
  const bool diagnostics_;
  TraceBuilder trace_;
  std::vector<float> p_correct_;
  StepSplitter text_;
  bool lost_text_ = false;
};

}  // namespace prm
