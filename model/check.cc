#include "model/check.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/error.h"
#include "data/text_io.h"
#include "model/json_fields.h"

namespace prm {
namespace {

using nlohmann::json;

constexpr int32_t kMaxInt = std::numeric_limits<int32_t>::max();

struct ReferenceLine {
  std::string where;  // "ref.jsonl:7: trace \"p3\""
  TraceTokens tokens;
  std::vector<double> scores;
};

std::vector<std::string> ReadTexts(const JsonFields& fields, std::string_view field) {
  const json& texts = fields.Array(field);
  if (!std::ranges::all_of(texts, [](const json& text) { return text.is_string(); })) {
    fields.Fail(field, "an array of texts");
  }
  return texts.get<std::vector<std::string>>();
}

void CompareInts(const std::string& where, const char* what, const std::vector<int32_t>& ours,
                 const std::vector<int32_t>& reference) {
  if (ours == reference) return;
  const size_t at = size_t(std::ranges::mismatch(ours, reference).in1 - ours.begin());
  const auto shown = [&](const std::vector<int32_t>& values) {
    return at < values.size() ? std::to_string(values[at]) : std::string("the end");
  };
  throw Error(ErrorCode::kInvalidArgument,
              StrCat(where, ": the format gives other ", what, " than the reference: at index ", at,
                     " ", shown(ours), ", reference ", shown(reference), " (", ours.size(), " and ",
                     reference.size(), " in all)"));
}

TraceTokens ReadTokens(const JsonFields& fields, const StepScorer& scorer) {
  TraceTokens reference;
  if (fields.Has("ids")) {
    reference = {fields.Ints("ids", 0, kMaxInt), fields.Ints("step_reads", 0, kMaxInt)};
  }
  if (!fields.Has("problem") && fields.Has("ids")) return reference;
  Trace trace;
  trace.id = fields.Has("id") ? fields.String("id") : "";
  trace.problem = fields.String("problem");
  for (std::string& step : ReadTexts(fields, "steps")) trace.steps.push_back({step, {}, {}});
  const TraceTokens ours = TokenizeTrace(scorer.format(), scorer.tokenizer(), trace);
  if (fields.Has("ids")) {
    CompareInts(fields.where(), "ids", ours.ids, reference.ids);
    CompareInts(fields.where(), "step_reads", ours.step_reads, reference.step_reads);
  }
  return ours;
}

ReferenceLine ReadLine(std::string_view text, const std::string& where, const StepScorer& scorer) {
  const json document = ParseJson(text, where);
  const JsonFields fields(document, where);
  ReferenceLine line;
  line.where = fields.Has("id") ? StrCat(where, ": trace \"", fields.String("id"), "\"") : where;
  line.tokens = ReadTokens(fields, scorer);
  for (const json& score : fields.Array("scores")) {
    if (!score.is_number()) fields.Fail("scores", "numbers");
    line.scores.push_back(score.get<double>());
  }
  if (line.scores.size() != line.tokens.step_reads.size() || line.scores.empty()) {
    fields.Fail("scores", StrCat("one for each of the ", line.tokens.step_reads.size(), " steps"));
  }
  return line;
}

}  // namespace

CheckResult CheckAgainstReference(StepScorer& scorer, const std::string& file) {
  CheckResult result;
  LineReader lines(file);
  for (std::string_view text; lines.Next(&text);) {
    if (IsBlank(text)) continue;
    const ReferenceLine line = ReadLine(text, StrCat(file, ":", lines.line_number()), scorer);
    const StepScores ours = scorer.Score({&line.tokens, 1})[0].scores;
    ++result.traces;
    for (size_t s = 0; s < line.scores.size(); ++s) {
      const double difference = std::abs(ours.p_correct[s] - line.scores[s]);
      ++result.steps;
      result.mean += difference;
      if (!(difference > result.worst) && !result.worst_where.empty()) continue;
      result.worst = difference;
      result.worst_where =
          StrCat(line.where, ", step ", s, ": ", ours.p_correct[s], ", reference ", line.scores[s]);
    }
  }
  if (result.traces == 0) {
    throw Error(ErrorCode::kInvalidArgument, StrCat(file, ": no lines; expected reference scores"));
  }
  result.mean /= double(result.steps);
  return result;
}

}  // namespace prm
