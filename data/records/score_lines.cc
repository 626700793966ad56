#include "data/records/score_lines.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/error.h"
#include "data/io/json_lines.h"
#include "data/io/json_text.h"
#include "data/metrics/metrics.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

constexpr double kDefaultThreshold = 0.5;
// Error in a probability that rounding to a few decimals in third-party files may cause.
constexpr double kRoundingTolerance = 1e-3;
// The value in files if no step is below the threshold.
constexpr int kNoFirstError = -1;

enum Field { kId, kScores, kLabelProbs, kAggregate, kFirstError, kErrorText, kNumFields };
constexpr std::array<std::string_view, kNumFields> kFieldNames = {
    "id", "scores", "label_probs", "aggregate", "first_error", "error"};

float ReadProbability(const JsonField& field) {
  const double value = ReadNumber(field);
  if (!(value >= 0 && value <= 1)) RefuseValue(field, "a number in [0, 1]");
  return float(value);
}

std::vector<float> ReadScores(const JsonField& field) {
  std::vector<float> scores;
  for (const JsonElement item : ReadArray(field)) {
    scores.push_back(ReadProbability(field.Item(scores.size(), item)));
  }
  if (scores.empty()) RefuseField(field, "expected at least one score, got none");
  return scores;
}

LabelProbs ReadOneLabelProbs(const JsonField& field) {
  LabelProbs probs{};
  size_t count = 0;
  double sum = 0;
  for (const JsonElement item : ReadArray(field)) {
    if (count == probs.size()) RefuseValue(field, "four probabilities");
    probs[count] = ReadProbability(field.Item(count, item));
    sum += double(probs[count++]);
  }
  if (count != probs.size()) RefuseValue(field, "four probabilities");
  if (std::abs(sum - 1) > kRoundingTolerance) {
    RefuseValue(field, StrCat("probabilities with the sum 1, not ", sum));
  }
  return probs;
}

std::vector<LabelProbs> ReadLabelProbs(const JsonField& field) {
  std::vector<LabelProbs> label_probs;
  for (const JsonElement item : ReadArray(field)) {
    label_probs.push_back(ReadOneLabelProbs(field.Item(label_probs.size(), item)));
  }
  if (label_probs.empty()) RefuseField(field, "expected at least one step, got none");
  return label_probs;
}

Aggregates ReadAggregates(const JsonField& field) {
  const std::vector<JsonMember> members = ReadMembers(field, kAggregateNames, nullptr);
  std::array<double, kNumAggregates> values{};
  for (size_t i = 0; i < values.size(); ++i) {
    const JsonField& member = Required(members[i], kAggregateNames[i], field);
    values[i] = ReadNumber(member);
    if (!(values[i] >= 0 && values[i] <= 1)) RefuseValue(member, "a number in [0, 1]");
  }
  return {values[0], values[1], values[2], values[3]};
}

// Label probabilities must agree with the scores; otherwise one belongs to another trace.
void CheckScoresAgree(const TraceScores& scores, const JsonField& label_probs) {
  if (scores.label_probs.size() != scores.size()) {
    RefuseField(label_probs, StrCat("expected ", scores.size(), " items, one per score, got ",
                                    scores.label_probs.size()));
  }
  for (size_t i = 0; i < scores.size(); ++i) {
    const float p_correct = PCorrect(scores.label_probs[i]);
    if (std::abs(p_correct - scores.p_correct[i]) > kRoundingTolerance) {
      RefuseField(label_probs, StrCat("expected item ", i, " to give p_correct ",
                                      scores.p_correct[i], " as in scores, got ", p_correct));
    }
  }
}

TraceScores ReadTraceScores(const std::vector<JsonMember>& members, const JsonField& object) {
  TraceScores scores;
  const JsonMember& label_probs = members[kLabelProbs];
  if (label_probs.has_value()) scores.label_probs = ReadLabelProbs(label_probs.field);
  if (members[kScores].has_value()) {
    scores.p_correct = ReadScores(members[kScores].field);
    if (label_probs.has_value()) CheckScoresAgree(scores, label_probs.field);
    return scores;
  }
  if (!label_probs.has_value()) {
    RefuseField(object, "expected one of the fields scores, label_probs, error");
  }
  return TraceScores::Of(std::move(scores.label_probs));
}

std::optional<int> ReadFirstError(const JsonField& field, size_t steps) {
  const int64_t first_error = ReadInt(field);
  if (first_error < kNoFirstError || first_error >= int64_t(steps)) {
    RefuseValue(field, StrCat(kNoFirstError, " to ", steps - 1));
  }
  if (first_error == kNoFirstError) return std::nullopt;
  return int(first_error);
}

void ReadScoredLine(const std::vector<JsonMember>& members, const JsonField& object,
                    ScoreLine* line) {
  line->scores = ReadTraceScores(members, object);
  const std::vector<float>& p_correct = line->scores.p_correct;
  line->aggregate = members[kAggregate].has_value() ? ReadAggregates(members[kAggregate].field)
                                                    : Aggregate(p_correct);
  line->first_error = members[kFirstError].has_value()
                          ? ReadFirstError(members[kFirstError].field, p_correct.size())
                          : FirstErrorBelow(p_correct, kDefaultThreshold);
}

template <class Values>
void AppendNumbers(const Values& values, std::string* json) {
  char before = '[';
  for (const float value : values) {
    *json += before;
    AppendJsonNumber(value, json);
    before = ',';
  }
  *json += ']';
}

void AppendScored(const ScoreLine& line, std::string* json) {
  *json += ",\"scores\":";
  AppendNumbers(line.scores.p_correct, json);
  if (!line.scores.label_probs.empty()) {
    char before = '[';
    *json += ",\"label_probs\":";
    for (const LabelProbs& probs : line.scores.label_probs) {
      *json += before;
      AppendNumbers(probs, json);
      before = ',';
    }
    *json += ']';
  }
  char before = '{';
  *json += ",\"aggregate\":";
  for (int kind = 0; kind < kNumAggregates; ++kind) {
    *json += StrCat(before, '"', kAggregateNames[size_t(kind)], "\":");
    AppendJsonNumber(line.aggregate[AggregateKind(kind)], json);
    before = ',';
  }
  *json += StrCat("},\"first_error\":", line.first_error.value_or(kNoFirstError));
}

}  // namespace

ScoreLine MakeScoreLine(std::string id, TraceScores scores, double threshold) {
  const std::vector<float>& p_correct = scores.p_correct;
  if (p_correct.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("scores of trace ", id, ": expected at least one step, got none"));
  }
  for (size_t i = 0; i < p_correct.size(); ++i) {
    if (!(p_correct[i] >= 0 && p_correct[i] <= 1)) {
      throw Error(ErrorCode::kInternal,
                  StrCat("score of trace ", id, " step ", i, ": expected a number in [0, 1], got ",
                         p_correct[i]));
    }
  }
  ScoreLine line;
  line.id = std::move(id);
  line.aggregate = Aggregate(p_correct);
  line.first_error = FirstErrorBelow(p_correct, threshold);
  line.scores = std::move(scores);
  return line;
}

ScoreLine MakeErrorLine(std::string id, Error error) {
  ScoreLine line;
  line.id = std::move(id);
  line.error = std::move(error);
  return line;
}

void AppendScoreLineMembers(const ScoreLine& line, std::string* json) {
  *json += "\"id\":";
  AppendJsonString(line.id, json);
  if (line.error) {
    *json += ",\"error\":";
    AppendJsonString(line.error->what(), json);
  } else {
    AppendScored(line, json);
  }
}

std::string ScoreLineToJson(const ScoreLine& line) {
  std::string json = "{";
  AppendScoreLineMembers(line, &json);
  return json + "}";
}

ScoreLine ParseScoreLine(std::string_view json, std::string_view where) {
  simdjson::dom::parser parser;
  const JsonField object = ParseJsonObject(json, where, &parser);
  const std::vector<JsonMember> members = ReadMembers(object, kFieldNames, nullptr);
  ScoreLine line;
  line.id = ReadString(Required(members[kId], "id", object));
  if (members[kErrorText].has_value()) {
    line.error.emplace(ErrorCode::kInvalidArgument,
                       std::string(ReadString(members[kErrorText].field)));
    for (const Field field : {kScores, kLabelProbs}) {
      if (members[field].has_value()) {
        RefuseField(members[field].field, "expected either scores or an error, got both");
      }
    }
  } else {
    ReadScoredLine(members, object, &line);
  }
  return line;
}

bool ScoreLineReader::Next(ScoreLine* line) {
  std::string_view text;
  while (lines_.Next(&text)) {
    if (IsBlank(text)) continue;
    *line = ParseScoreLine(text, Where());
    return true;
  }
  return false;
}

std::string ScoreLineReader::Where() const {
  return StrCat(lines_.name(), ":", lines_.line_number());
}

}  // namespace prm
