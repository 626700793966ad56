// Rows with one label per step.
//
// native: data/records/trace_reader.h.
// huggingface: native rows as written by `prm data export --to huggingface`: every column in every
//   row, with "meta" and "annotations" as JSON text under "meta_json" and "annotations_json", so
//   that all rows have one schema.
// trl: {"prompt": text, "completions": [text], "labels": [true|false|null], "id"?}; true is
//   correct, false an error of unknown kind. Source: TRL, "Dataset formats", stepwise supervision.
// fover: {"problem": text, "solution_steps": [text], "error_labels": [true|false|null], "id"?};
//   true is correct. Source: FoVer, arXiv 2505.15960, and the data sets' cards.
#include <optional>

#include "data/error.h"
#include "data/formats/readers.h"
#include "data/formats/row_fields.h"
#include "data/records/trace_reader.h"

namespace prm {
namespace {

std::optional<StepLabel> LabelOf(const JsonField& field) {
  if (field.value.is_null()) return std::nullopt;
  if (!field.value.is_bool()) RefuseValue(field, "true, false or null");
  return ReadBool(field) ? StepLabel::kCorrectNecessary : StepLabel::kIncorrect;
}

// One label per step that does not distinguish kinds of correct or of error.
void SetTwoClassLabels(const JsonField& field, Trace* trace) {
  const simdjson::dom::array labels = ReadArray(field);
  if (labels.size() != trace->steps.size()) {
    RefuseField(field, StrCat("expected ", trace->steps.size(), " labels, one per step, got ",
                              labels.size()));
  }
  size_t index = 0;
  for (const JsonElement label : labels) {
    trace->steps[index].label = LabelOf(field.Item(index, label));
    ++index;
  }
  trace->necessity_known = false;
}

struct TwoClassNames {
  std::string_view format, problem, steps, labels;
};

RowTraces ReadTwoClassRow(const Row& row, const ReadOptions& options, const TwoClassNames& names) {
  const RowFields fields(row.objects[0], {"id", names.problem, names.steps, names.labels});
  Trace trace;
  trace.id = OwnOrNumberedId(fields, row, options, names.format);
  trace.source = SourceName(options, names.format);
  trace.problem = fields.Text(names.problem);
  const JsonField& steps = fields.Need(names.steps);
  SetSteps(ReadStrings(steps), steps, &trace);
  SetTwoClassLabels(fields.Need(names.labels), &trace);
  trace.first_error = DecidedFirstError(trace);
  trace.meta_json = fields.OthersAsMeta();
  return {{std::move(trace)}, {}};
}

// The value of a member that holds JSON text, without white space; empty if it is absent, null or
// an empty object. `read` checks its kind.
template <class Read>
std::string JsonText(const RowFields& fields, std::string_view name, const Read& read) {
  const std::optional<std::string> text = fields.OptionalText(name);
  if (!text) return "";
  const JsonField& outer = fields.Need(name);
  const std::string where = StrCat(outer.where, ": ", name);
  simdjson::dom::parser parser;
  const std::string wrapped = StrCat(R"({"json":)", *text, "}");
  const JsonField object = ParseJsonObject(wrapped, where, &parser);
  std::vector<JsonField> others;
  constexpr std::string_view kName = "json";
  const JsonField field = ReadMembers(object, {&kName, 1}, &others)[0].field;
  if (!others.empty()) RefuseValue(outer, "one JSON value");
  read(field);
  const std::string json = ReadJson(field);
  return json == "{}" ? "" : json;
}

}  // namespace

RowTraces ReadNativeRow(const Row& row, const ReadOptions&) {
  RowTraces result;
  result.traces.push_back(TraceFrom(row.objects[0]));
  return result;
}

RowTraces ReadHuggingFaceRow(const Row& row, const ReadOptions&) {
  Trace trace = TraceFrom(row.objects[0]);
  if (trace.meta_json.empty()) return {{std::move(trace)}, {}};
  simdjson::dom::parser parser;
  const JsonField unknown = ParseJsonObject(trace.meta_json, row.where, &parser);
  const RowFields fields(unknown, {"meta_json", "annotations_json"});
  MetaFields others;
  fields.KeepOthers(&others);
  if (!others.Take().empty()) {
    RefuseField(unknown, "expected native columns with meta_json and annotations_json, got others");
  }
  const auto read_object = [](const JsonField& field) {
    std::vector<JsonField> members;
    ReadMembers(field, {}, &members);
  };
  trace.meta_json = JsonText(fields, "meta_json", read_object);
  trace.annotations_json =
      JsonText(fields, "annotations_json", [](const JsonField& field) { ReadArray(field); });
  return {{std::move(trace)}, {}};
}

RowTraces ReadTrlRow(const Row& row, const ReadOptions& options) {
  return ReadTwoClassRow(row, options, {"trl", "prompt", "completions", "labels"});
}

RowTraces ReadFoverRow(const Row& row, const ReadOptions& options) {
  return ReadTwoClassRow(row, options, {"fover", "problem", "solution_steps", "error_labels"});
}

}  // namespace prm
