#include "data/records/step_format.h"

#include <algorithm>
#include <array>
#include <optional>

#include "data/error.h"
#include "data/text/ascii.h"
#include "data/text/utf8.h"

namespace prm {
namespace {

constexpr std::string_view kProblem = "{problem}", kStep = "{step}", kNumber = "{n}";

std::vector<TokenId> NewlineIds(const Tokenizer& tokenizer) {
  std::vector<TokenId> ids;
  tokenizer.Encode("\n", SpecialTokens::kText, &ids);
  if (ids.size() <= 1) return ids;
  // SentencePiece inserts its space mark before a single "\n"; inside a text it is the byte piece.
  const std::optional<TokenId> byte_piece = tokenizer.PieceToId("<0x0A>");
  return byte_piece ? std::vector<TokenId>{*byte_piece} : ids;
}

int CountOf(std::string_view what, const std::vector<FormatPart>& parts) {
  int count = 0;
  for (const FormatPart& part : parts) {
    for (size_t at = part.text.find(what); at != std::string::npos;
         at = part.text.find(what, at + what.size())) {
      ++count;
    }
  }
  return count;
}

// Appends `text` with the placeholders filled; inserted text is not searched for placeholders.
void AppendFilled(std::string_view text, std::string_view value, int number, std::string* out) {
  while (!text.empty()) {
    const size_t brace = std::min(text.find('{'), text.size());
    out->append(text.substr(0, brace));
    text.remove_prefix(brace);
    if (text.starts_with(kProblem) || text.starts_with(kStep)) {
      out->append(value);
      text.remove_prefix(text.find('}') + 1);
    } else if (text.starts_with(kNumber)) {
      out->append(std::to_string(number));
      text.remove_prefix(kNumber.size());
    } else if (!text.empty()) {
      out->push_back('{');
      text.remove_prefix(1);
    }
  }
}

void CheckUtf8(std::string_view text) {
  if (const std::optional<size_t> invalid = FindInvalidUtf8(text)) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("text is not UTF-8 at byte ", *invalid));
  }
}

}  // namespace

void CheckStepFormat(const StepFormat& format, std::string_view where) {
  struct Place {
    std::string_view name;
    const std::vector<FormatPart>& parts;
    int problems, steps;
  };
  const std::array<Place, 3> places = {{{"prompt", format.prompt, 1, 0},
                                        {"step", format.step, 0, 1},
                                        {"between", format.between, 0, 0}}};
  for (const auto& [name, parts, problems, steps] : places) {
    for (const auto& [placeholder, expected] :
         {std::pair(kProblem, problems), std::pair(kStep, steps)}) {
      const int count = CountOf(placeholder, parts);
      if (count == expected) continue;
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat(where, ": field 'format.", name, "' has ", placeholder, " ", count,
                         " times; expected ", expected));
    }
    for (const FormatPart& part : parts) {
      if (std::ranges::all_of(part.ids, [](TokenId id) { return id >= 0; })) continue;
      throw Error(ErrorCode::kInvalidArgument, StrCat(where, ": field 'format.", name,
                                                      "' has a negative id; expected token ids"));
    }
  }
}

StepFormat NewlineFormat(const Tokenizer& tokenizer, bool prepend_bos) {
  const std::vector<TokenId> newline = NewlineIds(tokenizer);
  if (newline.empty()) {
    throw Error(ErrorCode::kFailedPrecondition,
                "the tokenizer has no token for \"\\n\", which separates steps by default");
  }
  StepFormat format;
  if (prepend_bos) {
    const std::optional<TokenId> bos = tokenizer.bos_id();
    if (!bos) {
      throw Error(ErrorCode::kFailedPrecondition,
                  "the model expects a BOS token first and the tokenizer has none");
    }
    format.prompt.push_back({.ids = {*bos}, .text = ""});
  }
  format.prompt.push_back({.ids = {}, .text = std::string(kProblem)});
  format.prompt.push_back({.ids = newline, .text = ""});
  format.step = {{.ids = {}, .text = std::string(kStep)}, {.ids = newline, .text = ""}};
  return format;
}

StepFormat SeparatorFormat(const Tokenizer& tokenizer, bool prepend_bos,
                           std::string_view separator) {
  StepFormat format = NewlineFormat(tokenizer, prepend_bos);
  const std::optional<TokenId> id = tokenizer.PieceToId(separator);
  const TokenizerParts parts = tokenizer.Parts();
  const auto is_free = [&](size_t candidate) {
    return parts.tokens[candidate].kind == TokenizerParts::Kind::kControl &&
           !(prepend_bos && TokenId(candidate) == tokenizer.bos_id());
  };
  if (!id || size_t(*id) >= parts.tokens.size() || !is_free(size_t(*id))) {
    constexpr int kMostNamed = 8;
    std::string names;
    int named = 0;
    for (size_t candidate = 0; candidate < parts.tokens.size() && named < kMostNamed; ++candidate) {
      if (!is_free(candidate)) continue;
      names += StrCat(named++ ? ", " : "", parts.tokens[candidate].text);
    }
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("separator \"", separator, "\": expected a special token of the tokenizer, ",
                       "which no text becomes and none begins with",
                       names.empty() ? "; it has none" : StrCat(", such as ", names)));
  }
  format.step.back().ids = {*id};
  return format;
}

std::string StepDelimiter(const StepFormat& format, const Tokenizer& tokenizer) {
  constexpr const char* kBlankLine = "\n\n";
  if (format.by_line) return kBlankLine;  // a step has several lines
  std::string text;
  bool behind_step = false;
  for (const FormatPart& part : format.step) {
    if (behind_step) text += tokenizer.Decode(part.ids);
    const size_t at = part.text.find(kStep);
    if (behind_step) text += part.text;
    if (at == std::string::npos) continue;
    text = part.text.substr(at + kStep.size());
    behind_step = true;
  }
  for (const FormatPart& part : format.between) text += tokenizer.Decode(part.ids) + part.text;
  const bool line_feeds = !text.empty() && text.find_first_not_of('\n') == std::string::npos;
  return line_feeds ? text : kBlankLine;
}

TraceBuilder::TraceBuilder(const StepFormat& format, const Tokenizer& tokenizer,
                           std::string_view problem)
    : format_(&format), tokenizer_(&tokenizer) {
  CheckUtf8(problem);
  Add(format_->prompt, problem, 0);
  tokens_.steps_begin = int32_t(tokens_.ids.size());
  prompts_end_ = open_;
}

void TraceBuilder::Append(std::string_view step) {
  CheckUtf8(step);
  const int before = steps();
  if (IsBlank(step)) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("step ", before, " is empty"));
  }
  try {
    AppendUnchecked(format_->trim ? TrimSpace(step) : step);
  } catch (...) {
    Rewind(before);
    throw;
  }
}

void TraceBuilder::AppendUnchecked(std::string_view step) {
  const int number = steps() + 1;
  if (number > 1) Add(format_->between, "", number);
  for (size_t line = 0; line <= step.size();) {
    const size_t end =
        format_->by_line ? std::min(step.find('\n', line), step.size()) : step.size();
    Add(format_->step, step.substr(line, end - line), number);
    line = end + 1;
  }
  Flush();
  const int32_t read = int32_t(tokens_.ids.size()) - 1 - format_->read_back;
  if (read <= (number == 1 ? -1 : tokens_.step_reads.back())) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("step ", number - 1, " has too few tokens to be read"));
  }
  tokens_.step_reads.push_back(read);
}

int64_t TraceBuilder::size_bytes() const {
  // After a Rewind, `open_` may be the prompt's end again.
  const size_t texts =
      std::max(open_.text.size(), prompts_end_.text.size()) + prompts_end_.text.size();
  return int64_t(tokens_.ids.size() * sizeof(TokenId) +
                 tokens_.step_reads.size() * sizeof(int32_t) + texts);
}

void TraceBuilder::Rewind(int steps) {
  if (steps < 0 || steps > this->steps()) {
    throw Error(ErrorCode::kOutOfRange,
                StrCat("back to ", steps, " steps; expected 0 to ", this->steps()));
  }
  tokens_.step_reads.resize(size_t(steps));
  if (steps == 0) {
    tokens_.ids.resize(size_t(tokens_.steps_begin));
    open_ = prompts_end_;
    return;
  }
  // A step's ids end `read_back` after its read, and its text has been encoded completely.
  tokens_.ids.resize(size_t(tokens_.step_reads.back()) + 1 + size_t(format_->read_back));
  open_ = {"", TextStart::kContinues};
}

void TraceBuilder::Add(const std::vector<FormatPart>& parts, std::string_view text, int number) {
  for (const FormatPart& part : parts) {
    if (part.alone || !part.ids.empty()) Flush();
    tokens_.ids.insert(tokens_.ids.end(), part.ids.begin(), part.ids.end());
    AppendFilled(part.text, text, number, &open_.text);
    if (part.alone) Flush(TextStart::kNew);
  }
}

void TraceBuilder::Flush(std::optional<TextStart> start) {
  if (open_.text.empty()) return;
  tokenizer_->Encode(open_.text, SpecialTokens::kText, &tokens_.ids, start.value_or(open_.start));
  open_ = {"", TextStart::kContinues};
}

TraceTokens TokenizeTrace(const StepFormat& format, const Tokenizer& tokenizer,
                          const Trace& trace) {
  if (trace.steps.empty()) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("trace ", trace.id, ": no steps"));
  }
  std::string where = "problem";
  try {
    TraceBuilder builder(format, tokenizer, trace.problem);
    for (size_t s = 0; s < trace.steps.size(); ++s) {
      where = StrCat("steps[", s, "]");
      builder.Append(trace.steps[s].text);
    }
    return builder.tokens();
  } catch (const Error& error) {
    throw Error(error.code(), StrCat("trace ", trace.id, ": ", where, ": ", error.what()));
  }
}

int64_t MinStepTokens(const StepFormat& format, const Tokenizer& tokenizer, std::string_view step) {
  if (format.trim) step = TrimSpace(step);
  if (!format.by_line) return tokenizer.MinTokens(step);
  std::string lines(step);  // the text after the last line is not encoded
  std::erase(lines, '\n');
  return tokenizer.MinTokens(lines);
}

int64_t MinTokens(const StepFormat& format, const Tokenizer& tokenizer, const Trace& trace) {
  int64_t tokens = tokenizer.MinTokens(trace.problem);
  for (const Step& step : trace.steps) tokens += MinStepTokens(format, tokenizer, step.text);
  return tokens;
}

int CutToFit(int max_tokens, TraceTokens* tokens) {
  size_t kept = 0;
  while (kept < tokens->step_reads.size() && tokens->step_reads[kept] < max_tokens) ++kept;
  const int dropped = int(tokens->step_reads.size() - kept);
  tokens->step_reads.resize(kept);
  tokens->ids.resize(kept == 0 ? 0 : size_t(tokens->step_reads.back()) + 1);
  return dropped;
}

}  // namespace prm
