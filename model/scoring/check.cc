#include "model/scoring/check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/io/progress_line.h"
#include "data/io/text_io.h"
#include "data/metrics/metrics.h"
#include "data/records/trace_reader.h"
#include "data/text/ascii.h"
#include "model/config/json_fields.h"
#include "model/files/prm_json.h"

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

// Adds the steps of one trace; `name` says which scores `others` are.
void AddDifferences(const std::string& where, const std::vector<float>& ours,
                    const std::vector<double>& others, const char* name, CheckResult* result) {
  ++result->traces;
  for (size_t s = 0; s < others.size(); ++s) {
    const double difference = std::abs(ours[s] - others[s]);
    result->mean += (difference - result->mean) / double(++result->steps);
    const bool first = result->worst_where.empty();
    // NaN counts as the largest difference.
    if (!first && (difference <= result->worst || std::isnan(result->worst))) continue;
    result->worst = difference;
    result->worst_where = StrCat(where, ", step ", s, ": ", ours[s], ", ", name, " ", others[s]);
  }
}

// One model's scores of the compared traces.
struct Scores {
  ModelDescription model;
  std::vector<TraceScores> self_tests;
  std::vector<std::string> ids;        // of the traces in the file
  std::vector<LabelledScores> traces;  // in file order, without skipped ones
};

Scores ScoreAll(const std::string& folder, const ScorerOptions& options, const std::string& data,
                const std::vector<Trace>& traces, const OfflineOptions& offline) {
  const auto scorer = LoadStepScorer(folder, options);
  Scores all;
  all.model = scorer->description();
  for (const SelfTest& test : ReadPrmJson(std::filesystem::path(folder) / "prm.json").self_tests) {
    all.self_tests.push_back(scorer->Score({&test.tokens, 1})[0]);
  }
  OfflineScorer scoring(*scorer, offline, [&](const Trace& trace, ScoreLine line) {
    if (IsTooLong(line) && offline.too_long != TooLong::kError) return;
    if (line.error) {
      throw Error(ErrorCode::kInvalidArgument, StrCat(data, ": ", line.error->what()));
    }
    all.ids.push_back(trace.id);
    all.traces.push_back(WithScores(trace, std::move(line.scores)));
  });
  ProgressLine progress;
  const auto count = [&] {
    return StrCat(all.traces.size(), " traces scored, weights ", options.weights);
  };
  for (const Trace& trace : traces) {
    scoring.Add(trace);
    progress.Update(count);
  }
  scoring.Flush();
  if (!traces.empty()) progress.Finish(count());
  return all;
}

std::vector<double> Doubles(const std::vector<float>& x) { return {x.begin(), x.end()}; }

}  // namespace

CheckResult CheckAgainstReference(StepScorer& scorer, const std::string& file) {
  CheckResult result;
  LineReader lines(file);
  for (std::string_view text; lines.Next(&text);) {
    if (IsBlank(text)) continue;
    const ReferenceLine line = ReadLine(text, StrCat(file, ":", lines.line_number()), scorer);
    const TraceScores ours = scorer.Score({&line.tokens, 1})[0];
    AddDifferences(line.where, ours.p_correct, line.scores, "reference", &result);
  }
  if (result.traces == 0) {
    throw Error(ErrorCode::kInvalidArgument, StrCat(file, ": no lines; expected reference scores"));
  }
  return result;
}

WeightsChange CompareWeights(const std::string& folder, const ScorerOptions& options,
                             const std::string& data, const OfflineOptions& offline) {
  const std::vector<Trace> traces = data.empty() ? std::vector<Trace>() : ReadTraces(data);
  ScorerOptions as_stored = options, changed = options;
  as_stored.weights = ScorerOptions().weights;
  changed.self_test = false;
  const Scores before = ScoreAll(folder, as_stored, data, traces, offline);
  changed.dtype = before.model.dtype;  // not what auto would choose for these weights
  const Scores after = ScoreAll(folder, changed, data, traces, offline);
  WeightsChange change;
  change.model = after.model;
  for (size_t t = 0; t < after.self_tests.size(); ++t) {
    AddDifferences(StrCat("self-test ", t), after.self_tests[t].p_correct,
                   Doubles(before.self_tests[t].p_correct), "stored", &change.self_tests);
  }
  for (size_t t = 0; t < after.traces.size(); ++t) {
    AddDifferences(StrCat("trace \"", after.ids[t], "\""), after.traces[t].scores.p_correct,
                   Doubles(before.traces[t].scores.p_correct), "stored", &change.data);
  }
  change.stored_auroc = Evaluate(before.traces, {}).step_auroc;
  change.auroc = Evaluate(after.traces, {}).step_auroc;
  return change;
}

}  // namespace prm
