// A trace that grows step by step while it is scored: its tokens, the scores of its steps, and the
// text of a step that is still being written. No threads, no model: a model that keeps what it
// computed finds a trace's prefix by its ids, so a session holds nothing of it.
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

// Cuts text that comes in pieces at the delimiters between steps. Blank text between two is no
// step. Works on bytes: a piece may end within a character or a delimiter.
class StepSplitter {
 public:
  explicit StepSplitter(std::string delimiter) : delimiter_(std::move(delimiter)) {}

  void Add(std::string_view piece);
  // The next step that a delimiter has ended, without it.
  std::optional<std::string> Next();
  // What no delimiter has ended, as a step; nullopt, and it is dropped, where it is blank.
  std::optional<std::string> Rest();
  void Clear();
  // Of text that Next and Rest have not given out.
  size_t size_bytes() const { return text_.size() - begin_; }

 private:
  std::string delimiter_;
  std::string text_;
  size_t begin_ = 0;     // what comes before was given out
  size_t searched_ = 0;  // no delimiter begins in [begin_, searched_)
};

// What a model and a server ask of every session; outlives them.
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

// Steps come by Begin and then Commit or Abandon, of which one must follow before anything else.
// What throws changes nothing. One thread at a time.
class Session {
 public:
  // Throws Error(kInvalidArgument): text that is not UTF-8, a problem that is too long for the
  // model, a threshold outside [0, 1]; Error(kNotFound): another model.
  Session(const SessionRules& rules, const SessionOptions& options);

  // Scored steps.
  int steps() const { return int(p_correct_.size()); }
  // Whether its client wants them with each score.
  bool diagnostics() const { return diagnostics_; }

  // The tokens of the trace with `step` at its end, of which that step alone is read. Throws
  // Error(kInvalidArgument): an empty step, text that is not UTF-8, a step or trace over a limit.
  TraceTokens Begin(std::string_view step);
  // Takes the scores of what Begin gave. Throws Error(kInternal) where they are none.
  Appended Commit(const TraceScores& scores);
  // There will be no scores: the trace is as before Begin.
  void Abandon();

  // Adds to the text that is not yet a step. Throws Error(kInvalidArgument) for more than
  // max_step_bytes of it, Error(kFailedPrecondition) after DropText.
  void AddText(std::string_view piece);
  // The next step of that text, which leaves it; nullopt: none is complete. `at_end`: its last step
  // ends here.
  std::optional<std::string> NextStep(bool at_end);
  bool has_text() const { return text_.size_bytes() > 0; }
  // Of what the session keeps: its trace and the text that is not yet a step.
  int64_t size_bytes() const { return trace_.size_bytes() + int64_t(text_.size_bytes()); }
  // After a refused piece or step: what came of the text is lost, and so no more is taken before
  // RollBack, as what is on its way would be read as another step.
  void DropText();

  // The session as it was after its first `steps` steps, without text. Throws Error(kOutOfRange).
  Session Fork(int steps) const;
  // Back to the first `steps` steps; text is dropped. Throws Error(kOutOfRange).
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
