#include "data/records/rerank_file.h"

#include <simdjson.h>

#include <array>
#include <utility>

#include "data/error.h"
#include "data/io/json_lines.h"
#include "data/io/json_text.h"
#include "data/metrics/aggregates.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

enum Field { kId, kProblem, kGroundTruth, kCandidates, kNumFields };
constexpr std::array<std::string_view, kNumFields> kFieldNames = {"id", "problem", "ground_truth",
                                                                  "candidates"};
enum CandidateField { kSteps, kAnswer, kIsCorrect, kNumCandidateFields };
constexpr std::array<std::string_view, kNumCandidateFields> kCandidateFieldNames = {
    "steps", "answer", "is_correct"};

// Files write answers as text or as bare numbers.
std::string ReadAnswer(const JsonField& field) {
  if (field.value.is_number()) return simdjson::minify(field.value);
  if (!field.value.is_string()) RefuseValue(field, "a string or a number");
  return ReadString(field);
}

RerankCandidate ReadCandidate(const JsonField& object) {
  const std::vector<JsonMember> members = ReadMembers(object, kCandidateFieldNames, nullptr);
  RerankCandidate candidate;
  const JsonField& steps = Required(members[kSteps], "steps", object);
  for (const JsonElement item : ReadArray(steps)) {
    const JsonField step = steps.Item(candidate.steps.size(), item);
    candidate.steps.push_back(ReadString(step));
    if (IsBlank(candidate.steps.back())) RefuseValue(step, "a step with text");
  }
  if (candidate.steps.empty()) RefuseField(steps, "expected at least one step, got none");
  if (members[kAnswer].has_value()) candidate.answer = ReadAnswer(members[kAnswer].field);
  if (members[kIsCorrect].has_value()) candidate.is_correct = ReadBool(members[kIsCorrect].field);
  return candidate;
}

void AppendIndex(const std::optional<int>& index, std::string* json) {
  *json += index ? std::to_string(*index) : "null";
}

void AppendIndices(const std::vector<int>& indices, std::string* json) {
  *json += '[';
  for (size_t i = 0; i < indices.size(); ++i) *json += StrCat(i == 0 ? "" : ",", indices[i]);
  *json += ']';
}

void AppendRanking(const Ranking& ranking, std::string* json) {
  *json += ",\"ranking\":";
  char before = '{';
  for (size_t kind = 0; kind < kNumAggregates; ++kind) {
    *json += StrCat(before, '"', kAggregateNames[kind], "\":");
    AppendIndices(ranking.order[kind], json);
    before = ',';
  }
  *json += "},\"choice\":{";
  for (size_t kind = 0; kind < kNumAggregates; ++kind) {
    *json += StrCat('"', kAggregateNames[kind], "\":");
    AppendIndex(ranking.choice[kind], json);
    *json += ',';
  }
  *json += "\"majority\":";
  AppendIndex(ranking.majority, json);
  *json += ",\"weighted\":";
  AppendIndex(ranking.weighted, json);
  *json += '}';
}

void AppendTies(const Ranking& ranking, std::string* json) {
  *json += ",\"ties\":{";
  const char* before = "";
  const auto append = [&](std::string_view rule, const std::vector<int>& ties) {
    if (ties.empty()) return;
    *json += StrCat(before, '"', rule, "\":");
    AppendIndices(ties, json);
    before = ",";
  };
  for (size_t kind = 0; kind < kNumAggregates; ++kind) {
    append(kAggregateNames[kind], ranking.choice_ties[kind]);
  }
  append("majority", ranking.majority_ties);
  append("weighted", ranking.weighted_ties);
  *json += '}';
}

void AppendCandidate(const RerankResult& result, size_t index, std::string* json) {
  *json += '{';
  AppendScoreLineMembers(result.candidates[index], json);
  if (const auto& answer = result.answers[index]) {
    *json += ",\"answer\":";
    AppendJsonString(answer->text, json);
    *json += ",\"normalized_answer\":";
    AppendJsonString(result.normalized[index], json);
    *json += StrCat(",\"answer_source\":\"", AnswerSourceName(answer->source), "\"}");
  } else {
    *json += ",\"answer\":null,\"normalized_answer\":null,\"answer_source\":null}";
  }
}

}  // namespace

RerankProblem ParseRerankProblem(std::string_view json, std::string_view where) {
  simdjson::dom::parser parser;
  const JsonField object = ParseJsonObject(json, where, &parser);
  const std::vector<JsonMember> members = ReadMembers(object, kFieldNames, nullptr);
  RerankProblem problem;
  problem.id = ReadString(Required(members[kId], "id", object));
  problem.problem = ReadString(Required(members[kProblem], "problem", object));
  if (members[kGroundTruth].has_value()) {
    problem.ground_truth = ReadAnswer(members[kGroundTruth].field);
  }
  const JsonField& candidates = Required(members[kCandidates], "candidates", object);
  for (const JsonElement item : ReadArray(candidates)) {
    problem.candidates.push_back(ReadCandidate(candidates.Item(problem.candidates.size(), item)));
  }
  if (problem.candidates.empty()) {
    RefuseField(candidates, "expected at least one candidate, got none");
  }
  return problem;
}

bool RerankReader::Next(RerankProblem* problem) {
  std::string_view text;
  while (lines_.Next(&text)) {
    if (IsBlank(text)) continue;
    *problem = ParseRerankProblem(text, Where());
    return true;
  }
  return false;
}

std::string RerankReader::Where() const { return StrCat(lines_.name(), ":", lines_.line_number()); }

Trace CandidateTrace(const RerankProblem& problem, int index) {
  const RerankCandidate& candidate = problem.candidates.at(size_t(index));
  Trace trace;
  trace.id = StrCat(problem.id, "/", index);
  trace.problem = problem.problem;
  for (const std::string& step : candidate.steps) {
    trace.steps.push_back({step, std::nullopt, std::nullopt});
  }
  trace.answer = candidate.answer;
  trace.reference_answer = problem.ground_truth;
  trace.final_correct = candidate.is_correct;
  return trace;
}

std::optional<FoundAnswer> CandidateAnswer(const RerankCandidate& candidate) {
  if (candidate.answer) return FoundAnswer{*candidate.answer, AnswerSource::kGiven};
  if (candidate.steps.empty()) return std::nullopt;
  return ExtractAnswer(candidate.steps.back());
}

std::optional<bool> CandidateIsCorrect(const RerankProblem& problem, int index) {
  const RerankCandidate& candidate = problem.candidates.at(size_t(index));
  if (candidate.is_correct) return candidate.is_correct;
  if (!problem.ground_truth) return std::nullopt;
  const std::optional<FoundAnswer> answer = CandidateAnswer(candidate);
  return answer && SameAnswer(answer->text, *problem.ground_truth);
}

RerankResult RankProblem(const RerankProblem& problem, std::vector<ScoreLine> lines,
                         AggregateKind weight) {
  if (lines.size() != problem.candidates.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("problem ", problem.id, ": expected ", problem.candidates.size(),
                       " score lines, one per candidate, got ", lines.size()));
  }
  RerankResult result;
  result.id = problem.id;
  result.candidates = std::move(lines);
  for (const RerankCandidate& candidate : problem.candidates) {
    result.answers.push_back(CandidateAnswer(candidate));
  }
  std::vector<std::optional<int>> first_errors;
  for (size_t i = 0; i < result.candidates.size(); ++i) {
    const auto& answer = result.answers[i];
    result.normalized.push_back(answer ? NormalizeAnswer(answer->text) : "");
    first_errors.push_back(result.candidates[i].first_error);
  }
  const std::vector<RankedCandidate> ranked = RankedCandidates(result);
  result.ranking = RankCandidates(ranked, weight);
  result.doubtful = DoubtfulWinners(ranked, result.ranking, first_errors);
  return result;
}

std::vector<RankedCandidate> RankedCandidates(const RerankResult& result) {
  std::vector<RankedCandidate> ranked;
  for (size_t i = 0; i < result.candidates.size(); ++i) {
    RankedCandidate& candidate = ranked.emplace_back();
    if (!result.candidates[i].error) candidate.aggregates = result.candidates[i].aggregate;
    candidate.answer = result.normalized[i];
  }
  return ranked;
}

std::string RerankResultToJson(const RerankResult& result) {
  std::string json = "{\"id\":";
  AppendJsonString(result.id, &json);
  AppendRanking(result.ranking, &json);
  AppendTies(result.ranking, &json);
  json += ",\"doubtful\":";
  AppendIndices(result.doubtful, &json);
  json += ",\"candidates\":[";
  for (size_t i = 0; i < result.candidates.size(); ++i) {
    if (i > 0) json += ',';
    AppendCandidate(result, i, &json);
  }
  return json + "]}";
}

}  // namespace prm
