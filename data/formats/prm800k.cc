// prm800k: {"labeler", "timestamp", "generation", "is_quality_control_question",
//   "is_initial_screening_question", "question": {"problem", "ground_truth_answer", ..}, "label":
//   {"steps": [{"completions": [{"text", "rating": -1|0|1|null, "flagged"}] | null,
//   "human_completion": {"text", ..} | null, "chosen_completion": int | null}], "total_time",
//   "finish_reason"}}; "id" only in rows written by this project. Source: PRM800K, README; Lightman
//   et al. 2023, arXiv 2305.20050, appendix B.
//
// The trace is the labeller's path: at each step the human completion, else the chosen one. If the
// last step has neither, its first completion is used if it is rated (phase 2 stops there). Ratings
// 1, 0, -1 are correct_necessary, correct_redundant, incorrect; a human completion has no rating
// and no label. meta.prm800k is the row without what the trace holds: question.problem, the answer,
// and the "text" of the path's completions. Each completion that still has a "text" there is
// therefore an alternative to the step at its position, and the row can be restored.
#include "data/formats/prm800k.h"

#include <array>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/formats/readers.h"
#include "data/formats/row_fields.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

using nlohmann::json;

constexpr int kHuman = -1;
constexpr std::array<StepLabel, 3> kRatingLabels = {
    StepLabel::kIncorrect, StepLabel::kCorrectRedundant, StepLabel::kCorrectNecessary};

std::optional<StepLabel> LabelOfRating(const json& completion) {
  const auto rating = completion.find("rating");
  if (rating == completion.end() || !rating->is_number_integer()) return std::nullopt;
  const auto value = rating->get<int64_t>();
  if (value < -1 || value > 1) return std::nullopt;
  return kRatingLabels[size_t(value + 1)];
}

// --- in -----------------------------------------------------------------------------------------

struct Completion {
  std::string text;
  std::optional<StepLabel> label;
};

Completion ReadCompletion(const JsonField& field) {
  const RowFields fields(field, {"text", "rating"});
  Completion completion{fields.Text("text"), std::nullopt};
  if (fields.Has("rating")) {
    const int64_t rating = ReadInt(fields.Need("rating"));
    if (rating < -1 || rating > 1) RefuseValue(fields.Need("rating"), "-1, 0, 1 or null");
    completion.label = kRatingLabels[size_t(rating + 1)];
  }
  return completion;
}

struct RatedStep {
  std::vector<Completion> completions;
  std::optional<Completion> human;
  std::optional<int> path;  // kHuman or an index of completions; nullopt: the path ended before
};

RatedStep ReadRatedStep(const JsonField& field, bool is_last) {
  const RowFields fields(field, {"completions", "human_completion", "chosen_completion"});
  RatedStep step;
  if (fields.Has("completions")) {
    const JsonField& completions = fields.Need("completions");
    for (const JsonElement item : ReadArray(completions)) {
      step.completions.push_back(ReadCompletion(completions.Item(step.completions.size(), item)));
    }
  }
  if (fields.Has("human_completion")) step.human = ReadCompletion(fields.Need("human_completion"));
  if (step.human) {
    step.path = kHuman;
  } else if (fields.Has("chosen_completion")) {
    const JsonField& chosen = fields.Need("chosen_completion");
    const int64_t index = ReadInt(chosen);
    if (index < 0 || index >= int64_t(step.completions.size())) {
      RefuseValue(chosen, StrCat("an index into ", step.completions.size(), " completions"));
    }
    step.path = int(index);
  } else if (!is_last) {
    RefuseField(field, "neither chosen nor written, though steps follow");
  } else if (!step.completions.empty() && step.completions[0].label) {
    step.path = 0;
  }
  return step;
}

std::vector<RatedStep> ReadRatedSteps(const JsonField& field) {
  std::vector<RatedStep> steps;
  const simdjson::dom::array array = ReadArray(field);
  for (const JsonElement item : array) {
    const bool is_last = steps.size() + 1 == array.size();
    steps.push_back(ReadRatedStep(field.Item(steps.size(), item), is_last));
  }
  return steps;
}

const Completion& OnPath(const RatedStep& step) {
  return *step.path == kHuman ? *step.human : step.completions[size_t(*step.path)];
}

// The row without what the trace itself holds.
std::string MetaOf(const JsonField& object, const std::vector<RatedStep>& steps) {
  json row = json::parse(ReadJson(object));
  row["question"].erase("problem");
  if (row["question"].contains("ground_truth_answer") &&
      row["question"]["ground_truth_answer"].is_string()) {
    row["question"].erase("ground_truth_answer");
  }
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!steps[i].path) continue;
    json& step = row["label"]["steps"][i];
    json& completion = *steps[i].path == kHuman ? step["human_completion"]
                                                : step["completions"][size_t(*steps[i].path)];
    completion.erase("text");
  }
  return json{{"prm800k", std::move(row)}}.dump();
}

// The alternatives as traces: the preceding path without labels, then the rated alternative.
void AddAlternatives(const Trace& path, const std::vector<RatedStep>& steps, const JsonField& field,
                     std::vector<Trace>* traces) {
  TraceBudget budget;
  for (size_t i = 0; i < steps.size(); ++i) {
    for (size_t k = 0; k < steps[i].completions.size(); ++k) {
      const Completion& completion = steps[i].completions[k];
      if (steps[i].path == int(k) || !completion.label || IsBlank(completion.text)) continue;
      Trace trace;
      trace.id = StrCat(path.id, "/", i, ".", k);
      trace.problem = path.problem;
      trace.source = path.source;
      trace.reference_answer = path.reference_answer;
      for (size_t before = 0; before < i; ++before) {
        trace.steps.push_back({path.steps[before].text, std::nullopt, std::nullopt});
      }
      trace.steps.push_back({completion.text, completion.label, std::nullopt});
      trace.meta_json =
          json{{"tree", {{"parent", path.id}, {"step", i}, {"completion", k}}}}.dump();
      budget.Take(trace, field);
      traces->push_back(std::move(trace));
    }
  }
}

}  // namespace

RowTraces ReadPrm800kRow(const Row& row, const ReadOptions& options) {
  const JsonField& object = row.objects[0];
  const RowFields fields(object, {"id", "question", "label"});
  const RowFields question(fields.Need("question"), {"problem", "ground_truth_answer"});
  const RowFields label(fields.Need("label"), {"steps"});
  Trace trace;
  trace.id = OwnOrNumberedId(fields, row, options, "prm800k");
  trace.source = SourceName(options, "prm800k");
  trace.problem = question.Text("problem");
  const JsonMember& answer = question.Get("ground_truth_answer");
  if (answer.has_value() && answer.field.value.is_string()) {
    trace.reference_answer = ReadString(answer.field);
  }
  const std::vector<RatedStep> steps = ReadRatedSteps(label.Need("steps"));
  for (const RatedStep& step : steps) {
    if (!step.path) continue;
    const Completion& completion = OnPath(step);
    if (IsBlank(completion.text)) {
      RefuseField(label.Need("steps"), StrCat("step ", trace.steps.size(), " has no text"));
    }
    trace.steps.push_back({completion.text, completion.label, std::nullopt});
  }
  if (trace.steps.empty()) RefuseField(label.Need("steps"), "no step was chosen, written or rated");
  trace.first_error = DecidedFirstError(trace);
  trace.meta_json = MetaOf(object, steps);
  RowTraces result;
  if (options.alternatives) AddAlternatives(trace, steps, label.Need("steps"), &result.traces);
  result.traces.insert(result.traces.begin(), std::move(trace));
  return result;
}

// --- out ----------------------------------------------------------------------------------------

namespace {

// meta.prm800k; null if there is none.
json RowInMeta(const Trace& trace) {
  if (trace.meta_json.find("\"prm800k\"") == std::string::npos) return nullptr;
  const json meta = json::parse(trace.meta_json);
  const auto row = meta.find("prm800k");
  return row != meta.end() && row->is_object() ? *row : json(nullptr);
}

[[noreturn]] void RefuseMeta(const Trace& trace, std::string_view what) {
  throw Error(ErrorCode::kInvalidArgument, StrCat("trace ", trace.id, ": meta.prm800k: ", what));
}

json& StepsOf(json& row, const Trace& trace) {
  if (!row.contains("label") || !row["label"].is_object() || !row["label"].contains("steps") ||
      !row["label"]["steps"].is_array()) {
    RefuseMeta(trace, "expected label.steps, got none");
  }
  return row["label"]["steps"];
}

// The completion of `step` whose text is in the trace; nullptr if there is none.
json* TextlessCompletion(json& step) {
  if (!step.is_object()) return nullptr;
  const auto human = step.find("human_completion");
  if (human != step.end() && human->is_object() && !human->contains("text")) return &*human;
  const auto completions = step.find("completions");
  if (completions == step.end() || !completions->is_array()) return nullptr;
  for (json& completion : *completions) {
    if (completion.is_object() && !completion.contains("text")) return &completion;
  }
  return nullptr;
}

json RatingOf(const std::optional<StepLabel>& label) {
  if (!label) return nullptr;
  switch (*label) {
    case StepLabel::kCorrectNecessary:
      return 1;
    case StepLabel::kCorrectRedundant:
      return 0;
    default:
      return -1;
  }
}

json NewRow(const Trace& trace) {
  json steps = json::array();
  for (const Step& step : trace.steps) {
    const json completion = {
        {"text", step.text}, {"rating", RatingOf(step.label)}, {"flagged", nullptr}};
    steps.push_back({{"completions", json::array({completion})},
                     {"human_completion", nullptr},
                     {"chosen_completion", 0}});
  }
  json finish_reason = nullptr;
  if (trace.first_error) finish_reason = *trace.first_error < 0 ? "solution" : "found_error";
  return {
      {"id", trace.id},
      {"labeler", nullptr},
      {"timestamp", nullptr},
      {"generation", nullptr},
      {"is_quality_control_question", false},
      {"is_initial_screening_question", false},
      {"question", json::object()},
      {"label",
       {{"steps", std::move(steps)}, {"total_time", nullptr}, {"finish_reason", finish_reason}}}};
}

class Prm800kWriter : public RowWriter {
 public:
  WriteResult Add(Trace trace) override {
    WriteResult result;
    if (IsAlternative(trace)) {
      ++result.left_out["alternatives, which come with the trace they belong to"];
      return result;
    }
    json row = RowInMeta(trace);
    if (row.is_null()) {
      row = NewRow(trace);
    } else {
      FillPath(trace, &row);
      if (row.contains("id")) row["id"] = trace.id;
      if (json::parse(trace.meta_json).size() == 1) result.carried = kPartMeta;
    }
    row["question"]["problem"] = trace.problem;
    if (trace.reference_answer) row["question"]["ground_truth_answer"] = *trace.reference_answer;
    result.rows.push_back(row.dump());
    return result;
  }

 private:
  // Puts the trace's texts and ratings back where they were.
  static void FillPath(const Trace& trace, json* row) {
    size_t filled = 0;
    for (json& step : StepsOf(*row, trace)) {
      json* completion = TextlessCompletion(step);
      if (completion == nullptr) continue;
      if (filled == trace.steps.size()) RefuseMeta(trace, "has more steps than the trace");
      const Step& ours = trace.steps[filled++];
      (*completion)["text"] = ours.text;
      if (LabelOfRating(*completion) != ours.label) (*completion)["rating"] = RatingOf(ours.label);
    }
    if (filled != trace.steps.size()) RefuseMeta(trace, "has fewer steps than the trace");
    if (!(*row)["question"].is_object()) (*row)["question"] = json::object();
  }
};

}  // namespace

std::unique_ptr<RowWriter> NewPrm800kWriter(const WriteOptions&) {
  return std::make_unique<Prm800kWriter>();
}

bool IsAlternative(const Trace& trace) {
  if (trace.meta_json.find("\"tree\"") == std::string::npos) return false;
  const json meta = json::parse(trace.meta_json);
  const auto tree = meta.find("tree");
  return tree != meta.end() && tree->is_object() && tree->contains("parent");
}

std::vector<Alternative> AlternativesOf(const Trace& trace) {
  json row = RowInMeta(trace);
  if (row.is_null()) return {};
  std::vector<Alternative> alternatives;
  size_t index = 0;
  for (json& step : StepsOf(row, trace)) {
    if (step.is_object() && step.contains("completions") && step["completions"].is_array()) {
      for (const json& completion : step["completions"]) {
        if (!completion.is_object() || !completion.contains("text")) continue;
        if (!completion["text"].is_string()) RefuseMeta(trace, "a text that is not a string");
        const auto label = LabelOfRating(completion);
        if (label) alternatives.push_back({index, completion["text"], *label});
      }
    }
    index += TextlessCompletion(step) != nullptr;
  }
  return alternatives;
}

}  // namespace prm
