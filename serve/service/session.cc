#include "serve/service/session.h"

#include <algorithm>
#include <utility>

#include "data/error.h"
#include "data/metrics/aggregates.h"
#include "data/metrics/metrics.h"
#include "data/text/ascii.h"
#include "serve/wire/served_model.h"

namespace prm {
namespace {

double CheckedThreshold(double threshold) {
  if (threshold >= 0 && threshold <= 1) return threshold;
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("threshold ", threshold, "; expected a number in [0, 1]"));
}

void CheckProblemTokens(const SessionRules& rules, int64_t tokens, const char* about) {
  if (tokens <= rules.max_tokens) return;
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("a problem of ", about, tokens, " tokens; the model takes at most ",
                     rules.max_tokens));
}

const SessionRules& CheckedModel(const SessionRules& rules, const std::string& asked) {
  CheckModel(asked, rules.model);
  return rules;
}

// Checked before tokenising, whose cost a problem far too long must not cause.
const std::string& CheckedProblem(const SessionRules& rules, const std::string& problem) {
  CheckProblemTokens(rules, rules.tokenizer.MinTokens(problem), "at least ");
  return problem;
}

void CheckSteps(int steps, int count) {
  if (steps >= 0 && steps <= count) return;
  throw Error(ErrorCode::kOutOfRange, StrCat("step ", steps, " of a session with ", count,
                                             " steps; expected 0 to ", count));
}

}  // namespace

void StepSplitter::Add(std::string_view piece) {
  text_.erase(0, begin_);
  searched_ -= begin_;
  begin_ = 0;
  text_.append(piece);
}

std::optional<std::string> StepSplitter::Next() {
  for (;;) {
    const size_t at = text_.find(delimiter_, searched_);
    if (at == std::string::npos) {
      // The end may be the beginning of a delimiter.
      const size_t tail = std::min(delimiter_.size() - 1, size_bytes());
      searched_ = std::max(searched_, text_.size() - tail);
      return std::nullopt;
    }
    std::string step = text_.substr(begin_, at - begin_);
    begin_ = searched_ = at + delimiter_.size();
    if (!IsBlank(step)) return step;
  }
}

std::optional<std::string> StepSplitter::Rest() {
  std::string step = text_.substr(begin_);
  Clear();
  return IsBlank(step) ? std::nullopt : std::optional(std::move(step));
}

void StepSplitter::Clear() {
  text_.clear();
  begin_ = searched_ = 0;
}

SessionRules::SessionRules(const StepScorer& scorer, int steps, int step_bytes)
    : format(scorer.format()),
      tokenizer(scorer.tokenizer()),
      model(scorer.description().name),
      threshold(scorer.description().threshold),
      step_delimiter(StepDelimiter(format, tokenizer)),
      max_tokens(scorer.description().max_tokens),
      max_steps(steps),
      max_step_bytes(step_bytes) {}

Session::Session(const SessionRules& rules, const SessionOptions& options)
    : rules_(CheckedModel(rules, options.model)),
      threshold_(CheckedThreshold(options.threshold.value_or(rules.threshold))),
      diagnostics_(options.diagnostics),
      trace_(rules.format, rules.tokenizer, CheckedProblem(rules, options.problem)),
      text_(options.step_delimiter.empty() ? rules.step_delimiter : options.step_delimiter) {
  CheckProblemTokens(rules, int64_t(trace_.tokens().ids.size()), "");
}

TraceTokens Session::Begin(std::string_view step) {
  const int index = steps();
  if (index >= rules_.max_steps) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("step ", index, ": expected at most ", rules_.max_steps, " steps"));
  }
  if (step.size() > size_t(rules_.max_step_bytes)) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("step ", index, ": ", step.size(), " bytes; expected at most ",
                       rules_.max_step_bytes));
  }
  if (IsBlank(step)) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("step ", index, " is empty"));
  }
  const auto check_tokens = [&](int64_t tokens, const char* about) {
    if (tokens <= rules_.max_tokens) return;
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("step ", index, ": ", about, tokens, " tokens with the steps before it; ",
                       "the model takes at most ", rules_.max_tokens));
  };
  // Checked before tokenising, whose cost a step far too long must not cause.
  check_tokens(
      int64_t(trace_.tokens().ids.size()) + MinStepTokens(rules_.format, rules_.tokenizer, step),
      "at least ");
  try {
    trace_.Append(step);
  } catch (const Error& error) {
    throw Error(error.code(), StrCat("step ", index, ": ", error.what()));
  }
  try {
    check_tokens(int64_t(trace_.tokens().ids.size()), "");
  } catch (const Error&) {
    trace_.Rewind(index);
    throw;
  }
  TraceTokens tokens = trace_.tokens();
  tokens.step_reads = {tokens.step_reads.back()};
  return tokens;
}

Appended Session::Commit(const TraceScores& scores) {
  const int index = steps();
  if (scores.size() != 1 || !(scores.p_correct[0] >= 0 && scores.p_correct[0] <= 1)) {
    Abandon();
    throw Error(ErrorCode::kInternal, StrCat("step ", index, ": ", scores.size(),
                                             " scores; expected one number in [0, 1]"));
  }
  p_correct_.push_back(scores.p_correct[0]);
  Appended step;
  step.index = index;
  step.score = scores.step(0);
  step.aggregate = Aggregate(p_correct_);
  step.first_error = FirstErrorBelow(p_correct_, threshold_);
  step.tokens = int(trace_.tokens().ids.size());
  step.tokens_computed = scores.tokens_computed;
  step.tokens_reused = scores.tokens_reused;
  return step;
}

void Session::Abandon() { trace_.Rewind(steps()); }

void Session::AddText(std::string_view piece) {
  if (lost_text_) {
    throw Error(ErrorCode::kFailedPrecondition,
                StrCat("text after a refused piece or step; expected a rollback (to step ", steps(),
                       " to keep all scored steps), then step ", steps(), " from its start"));
  }
  const size_t bytes = text_.size_bytes() + piece.size();
  if (bytes > size_t(rules_.max_step_bytes)) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("step ", steps(), ": ", bytes,
                       " bytes of unfinished text; expected at most ", rules_.max_step_bytes));
  }
  text_.Add(piece);
}

std::optional<std::string> Session::NextStep(bool at_end) {
  std::optional<std::string> step = text_.Next();
  return step || !at_end ? step : text_.Rest();
}

void Session::DropText() {
  text_.Clear();
  lost_text_ = true;
}

Session Session::Fork(int steps) const {
  CheckSteps(steps, this->steps());
  Session fork = *this;
  fork.RollBack(steps);
  return fork;
}

void Session::RollBack(int steps) {
  CheckSteps(steps, this->steps());
  trace_.Rewind(steps);
  p_correct_.resize(size_t(steps));
  text_.Clear();
  lost_text_ = false;
}

}  // namespace prm
