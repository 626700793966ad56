#include "data/records/trace_reader.h"

#include <algorithm>
#include <array>
#include <set>

#include "data/error.h"
#include "data/io/json_lines.h"
#include "data/io/json_text.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

enum Field {
  kId,
  kProblem,
  kSteps,
  kLabels,
  kNecessityKnown,
  kSoft,
  kFirstError,
  kFinalCorrect,
  kAnswer,
  kReferenceAnswer,
  kDomain,
  kStrategy,
  kSource,
  kAnnotations,
  kMeta,
  kNumFields
};
constexpr std::array<std::string_view, kNumFields> kFieldNames = {
    "id",     "problem",     "steps",         "labels",      "necessity_known",
    "soft",   "first_error", "final_correct", "answer",      "reference_answer",
    "domain", "strategy",    "source",        "annotations", "meta"};

std::string ExpectedLabels() {
  std::string names = "one of ";
  for (const std::string_view name : kLabelNames) names += StrCat(name, ", ");
  return names + "or null";
}

void ReadSteps(const JsonField& field, Trace* trace) {
  for (const JsonElement item : ReadArray(field)) {
    const JsonField step = field.Item(trace->steps.size(), item);
    std::string text = ReadString(step);
    if (IsBlank(text)) RefuseValue(step, "a step with text");
    trace->steps.push_back({std::move(text), std::nullopt, std::nullopt});
  }
  if (trace->steps.empty()) RefuseField(field, "expected at least one step, got none");
}

// The items of an array that must have one per step.
std::vector<JsonField> ItemsPerStep(const JsonField& field, const Trace& trace) {
  std::vector<JsonField> items;
  for (const JsonElement item : ReadArray(field)) items.push_back(field.Item(items.size(), item));
  if (items.size() != trace.steps.size()) {
    RefuseField(
        field, StrCat("expected ", trace.steps.size(), " items, one per step, got ", items.size()));
  }
  return items;
}

void ReadLabels(const JsonField& field, Trace* trace) {
  const std::vector<JsonField> items = ItemsPerStep(field, *trace);
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].value.is_null()) continue;
    std::string_view name;
    if (items[i].value.get(name)) RefuseValue(items[i], ExpectedLabels());
    trace->steps[i].label = ParseLabel(name);
    if (!trace->steps[i].label) RefuseValue(items[i], ExpectedLabels());
  }
}

void ReadSoft(const JsonField& field, Trace* trace) {
  const std::vector<JsonField> items = ItemsPerStep(field, *trace);
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].value.is_null()) continue;
    const double soft = ReadNumber(items[i]);
    if (!(soft >= 0 && soft <= 1)) RefuseValue(items[i], "a number in [0, 1] or null");
    trace->steps[i].soft = float(soft);
  }
}

// The stated first error must be possible given the labels.
void CheckFirstError(const JsonField& field, const Trace& trace) {
  const int stated = *trace.first_error;
  const int labelled = FirstLabelledError(trace);
  if (labelled >= 0 && (stated < 0 || labelled < stated)) {
    RefuseValue(field, StrCat("at most ", labelled, " (labels[", labelled, "] is ",
                              kLabelNames[size_t(*trace.steps[size_t(labelled)].label)], ")"));
  }
  if (stated >= 0) {
    const std::optional<StepLabel> label = trace.steps[size_t(stated)].label;
    if (label && IsCorrect(*label)) {
      RefuseField(field, StrCat("step ", stated, " is stated as wrong, but labels[", stated,
                                "] is ", kLabelNames[size_t(*label)]));
    }
  }
}

void ReadFirstError(const JsonMember& member, Trace* trace) {
  if (member.has_value()) {
    const int64_t stated = ReadInt(member.field);
    if (stated < -1 || stated >= int64_t(trace->steps.size())) {
      RefuseValue(member.field, StrCat("-1 to ", trace->steps.size() - 1));
    }
    trace->first_error = int(stated);
    CheckFirstError(member.field, *trace);
  } else if (!member.present) {
    trace->first_error = DecidedFirstError(*trace);
  }
}

// {"a":1} and unknown fields b, c as {"a":1,"b":..,"c":..}; empty if there is nothing.
std::string MergeMeta(const JsonMember& meta, const std::vector<JsonField>& unknown) {
  std::string json;
  const auto add = [&json](std::string_view name, const JsonField& field) {
    json += json.empty() ? "{" : ",";
    AppendJsonString(name, &json);
    json += ":" + ReadJson(field);
  };
  std::vector<JsonField> inner;
  if (meta.has_value()) ReadMembers(meta.field, {}, &inner);
  std::set<std::string_view> names;  // under meta; only if they can collide with unknown fields
  for (const JsonField& field : inner) {
    const std::string_view name = std::string_view(field.path).substr(meta.field.path.size() + 1);
    add(name, field);
    if (!unknown.empty()) names.insert(name);
  }
  for (const JsonField& field : unknown) {
    if (names.contains(field.path)) {
      RefuseField(field, "an unknown field that is also under meta; it cannot be kept in both");
    }
    add(field.path, field);
  }
  if (!json.empty()) json += "}";
  return json;
}

// A row of ProcessBench has id, problem and steps, too: its label would be lost without a word.
void RefuseOtherFormats(const std::vector<JsonMember>& members,
                        const std::vector<JsonField>& unknown) {
  if (members[kLabels].present || members[kFirstError].present) return;
  for (const JsonField& field : unknown) {
    if (field.path != "label") continue;
    RefuseField(field, "not a field of traces; prm data import reads rows of other formats");
  }
}

// Reads texts, truths and names that do not depend on other fields.
void ReadPlainFields(const std::vector<JsonMember>& members, Trace* trace) {
  if (members[kNecessityKnown].has_value()) {
    trace->necessity_known = ReadBool(members[kNecessityKnown].field);
  }
  if (members[kFinalCorrect].has_value()) {
    trace->final_correct = ReadBool(members[kFinalCorrect].field);
  }
  if (members[kAnswer].has_value()) trace->answer = ReadString(members[kAnswer].field);
  if (members[kReferenceAnswer].has_value()) {
    trace->reference_answer = ReadString(members[kReferenceAnswer].field);
  }
  if (members[kDomain].has_value()) trace->domain = ReadString(members[kDomain].field);
  if (members[kStrategy].has_value()) trace->strategy = ReadString(members[kStrategy].field);
  if (members[kSource].has_value()) trace->source = ReadString(members[kSource].field);
  if (members[kAnnotations].has_value()) {
    ReadArray(members[kAnnotations].field);
    trace->annotations_json = ReadJson(members[kAnnotations].field);
  }
}

// Appends the members of one object in turn.
class ObjectWriter {
 public:
  void String(Field field, std::string_view text) {
    Name(field);
    AppendJsonString(text, &json_);
  }
  void Raw(Field field, std::string_view json) {
    Name(field);
    json_ += json;
  }
  // `append(step)` appends the step's item to the text passed to it.
  template <class AppendItem>
  void PerStep(Field field, const std::vector<Step>& steps, AppendItem append) {
    Name(field);
    char before = '[';
    for (const Step& step : steps) {
      json_ += before;
      append(step, &json_);
      before = ',';
    }
    json_ += steps.empty() ? "[]" : "]";
  }
  std::string Take() { return std::move(json_) + "}"; }

 private:
  void Name(Field field) {
    json_ += json_.empty() ? "{\"" : ",\"";
    json_ += kFieldNames[field];
    json_ += "\":";
  }
  std::string json_;
};

void WriteLabelsAndSoft(const Trace& trace, ObjectWriter* out) {
  const auto& steps = trace.steps;
  const auto labelled = [](const Step& step) { return step.label.has_value(); };
  if (std::any_of(steps.begin(), steps.end(), labelled)) {
    out->PerStep(kLabels, steps, [](const Step& step, std::string* json) {
      if (step.label) {
        *json += '"';
        *json += kLabelNames[size_t(*step.label)];
        *json += '"';
      } else {
        *json += "null";
      }
    });
    // Always written: an absent one would be derived from the labels.
    out->Raw(kFirstError, trace.first_error ? std::to_string(*trace.first_error) : "null");
  } else if (trace.first_error) {
    out->Raw(kFirstError, std::to_string(*trace.first_error));
  }
  if (!trace.necessity_known) out->Raw(kNecessityKnown, "false");
  const auto has_soft = [](const Step& step) { return step.soft.has_value(); };
  if (std::any_of(steps.begin(), steps.end(), has_soft)) {
    out->PerStep(kSoft, steps, [](const Step& step, std::string* json) {
      if (step.soft) {
        AppendJsonNumber(*step.soft, json);
      } else {
        *json += "null";
      }
    });
  }
}

void WriteFields(const Trace& trace, ObjectWriter* out) {
  out->String(kId, trace.id);
  out->String(kProblem, trace.problem);
  out->PerStep(kSteps, trace.steps,
               [](const Step& step, std::string* json) { AppendJsonString(step.text, json); });
  WriteLabelsAndSoft(trace, out);
  if (trace.final_correct) out->Raw(kFinalCorrect, *trace.final_correct ? "true" : "false");
  if (trace.answer) out->String(kAnswer, *trace.answer);
  if (trace.reference_answer) out->String(kReferenceAnswer, *trace.reference_answer);
  if (!trace.domain.empty()) out->String(kDomain, trace.domain);
  if (!trace.strategy.empty()) out->String(kStrategy, trace.strategy);
  if (!trace.source.empty()) out->String(kSource, trace.source);
  if (!trace.annotations_json.empty()) out->Raw(kAnnotations, trace.annotations_json);
  if (!trace.meta_json.empty()) out->Raw(kMeta, trace.meta_json);
}

}  // namespace

Trace TraceFrom(const JsonField& object) {
  std::vector<JsonField> unknown;
  const std::vector<JsonMember> members = ReadMembers(object, kFieldNames, &unknown);
  Trace trace;
  trace.id = ReadString(Required(members[kId], "id", object));
  trace.problem = ReadString(Required(members[kProblem], "problem", object));
  ReadSteps(Required(members[kSteps], "steps", object), &trace);
  if (members[kLabels].has_value()) ReadLabels(members[kLabels].field, &trace);
  if (members[kSoft].has_value()) ReadSoft(members[kSoft].field, &trace);
  ReadFirstError(members[kFirstError], &trace);
  ReadPlainFields(members, &trace);
  RefuseOtherFormats(members, unknown);
  trace.meta_json = MergeMeta(members[kMeta], unknown);
  return trace;
}

Trace ParseTrace(std::string_view json, std::string_view where) {
  simdjson::dom::parser parser;
  return TraceFrom(ParseJsonObject(json, where, &parser));
}

struct TraceReader::State {
  explicit State(const std::filesystem::path& path) : lines(path) {}
  JsonLines lines;
};

TraceReader::TraceReader(const std::filesystem::path& path)
    : state_(std::make_unique<State>(path)) {}
TraceReader::~TraceReader() = default;

bool TraceReader::Next(Trace* trace) {
  JsonField object;
  if (!state_->lines.Next(&object)) return false;
  *trace = TraceFrom(object);
  return true;
}

std::string TraceReader::Where() const { return state_->lines.Where(); }

std::vector<Trace> ReadTraces(const std::filesystem::path& path) {
  TraceReader reader(path);
  std::vector<Trace> traces;
  for (Trace trace; reader.Next(&trace);) traces.push_back(std::move(trace));
  return traces;
}

std::string TraceToJson(const Trace& trace) {
  ObjectWriter out;
  try {
    WriteFields(trace, &out);
  } catch (const Error& error) {
    throw Error(error.code(), StrCat("trace ", trace.id, ": ", error.what()));
  }
  return out.Take();
}

}  // namespace prm
