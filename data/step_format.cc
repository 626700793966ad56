#include "data/step_format.h"

#include <optional>

#include "data/error.h"

namespace prm {
namespace {

std::vector<TokenId> NewlineIds(const Tokenizer& tokenizer) {
  std::vector<TokenId> ids;
  tokenizer.Encode("\n", SpecialTokens::kText, &ids);
  if (ids.size() <= 1) return ids;
  // SentencePiece puts its space mark before a lone "\n"; inside a text it is the byte piece alone.
  const std::optional<TokenId> byte_piece = tokenizer.PieceToId("<0x0A>");
  return byte_piece ? std::vector<TokenId>{*byte_piece} : ids;
}

void Append(const std::vector<TokenId>& from, std::vector<TokenId>* ids) {
  ids->insert(ids->end(), from.begin(), from.end());
}

}  // namespace

StepFormat NewlineFormat(const Tokenizer& tokenizer, bool prepend_bos) {
  StepFormat format;
  format.separator_ids = NewlineIds(tokenizer);
  if (format.separator_ids.empty()) {
    throw Error(ErrorCode::kFailedPrecondition,
                "the tokenizer has no token for \"\\n\", which separates steps by default");
  }
  format.problem_suffix_ids = format.separator_ids;
  if (prepend_bos) {
    const std::optional<TokenId> bos = tokenizer.bos_id();
    if (!bos) {
      throw Error(ErrorCode::kFailedPrecondition,
                  "the model expects a BOS token first and the tokenizer has none");
    }
    format.prefix_ids = {*bos};
  }
  return format;
}

std::vector<TokenId> ProblemIds(const StepFormat& format, const Tokenizer& tokenizer,
                                std::string_view problem) {
  std::vector<TokenId> ids = format.prefix_ids;
  tokenizer.Encode(problem, SpecialTokens::kText, &ids);
  Append(format.problem_suffix_ids, &ids);
  return ids;
}

void AppendStep(const StepFormat& format, const Tokenizer& tokenizer, std::string_view step,
                TraceTokens* tokens) {
  if (format.separator_ids.empty()) {
    throw Error(ErrorCode::kFailedPrecondition, "the step format has no separator to read at");
  }
  if (IsBlank(step)) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("step ", tokens->step_reads.size(), " is empty"));
  }
  tokenizer.Encode(step, SpecialTokens::kText, &tokens->ids);
  Append(format.separator_ids, &tokens->ids);
  tokens->step_reads.push_back(int32_t(tokens->ids.size()) - 1);
}

TraceTokens TokenizeTrace(const StepFormat& format, const Tokenizer& tokenizer,
                          const Trace& trace) {
  if (trace.steps.empty()) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("trace ", trace.id, ": no steps"));
  }
  TraceTokens tokens;
  std::string_view part = "problem";
  try {
    tokens.ids = ProblemIds(format, tokenizer, trace.problem);
    part = "steps";
    for (const Step& step : trace.steps) AppendStep(format, tokenizer, step.text, &tokens);
  } catch (const Error& error) {
    const std::string where =
        part == "problem" ? "problem" : StrCat("steps[", tokens.step_reads.size(), "]");
    throw Error(error.code(), StrCat("trace ", trace.id, ": ", where, ": ", error.what()));
  }
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
