// Rows that state the kind of each step's flaw.
//
// prmbench: {"idx", "question", "original_question", "modified_question", "original_process":
//   [text], "modified_process": [text], "modified_steps": [int], "error_steps": [int from 1],
//   "classification", "reason"}. The modified process is the trace. By classification its error
//   steps are redundant (redundency, circular; then necessity is known), incomplete
//   (missing_condition) or incorrect (all others); all other steps are correct. With references,
//   the original process is another trace, all correct. Source: PRMBench, arXiv 2501.03124,
//   section 3.
// roscoe: {"instances": [{"id", "instance": text, "annotations": {criterion: {"majority_human":
//   "yes"|"no", ..}}}], ..}. A row is a response, and each instance is one of its steps. The text
//   ends "CONTEXT:\n <problem>\n\nGENERATED RESPONSE:\n<the steps>\nJUDGE: <one step>". Instances
//   of one response are adjacent; members outside the instances are equal for all and dropped. A
//   step is incorrect if an error criterion is "yes", redundant if only Redundancy or Repetition
//   is, else necessary; Grammar is ignored. An instance without JUDGE covers a whole response: its
//   steps have no label. Source: ROSCOE, arXiv 2212.07919, taxonomy of step-by-step reasoning
//   errors.
#include <algorithm>
#include <array>

#include "data/error.h"
#include "data/formats/readers.h"
#include "data/formats/row_fields.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

// --- PRMBench -----------------------------------------------------------------------------------

struct FlawClass {
  std::string_view name;
  StepLabel label;
};
constexpr FlawClass kFlawClasses[] = {
    {"redundency", StepLabel::kCorrectRedundant},    {"circular", StepLabel::kCorrectRedundant},
    {"missing_condition", StepLabel::kIncomplete},   {"confidence", StepLabel::kIncorrect},
    {"counterfactual", StepLabel::kIncorrect},       {"deception", StepLabel::kIncorrect},
    {"domain_inconsistency", StepLabel::kIncorrect}, {"step_contradiction", StepLabel::kIncorrect},
};

StepLabel FlawLabel(const JsonField& field) {
  const std::string name = ReadString(field);
  std::string names;
  for (const FlawClass& flaw : kFlawClasses) {
    if (flaw.name == name) return flaw.label;
    names += StrCat(names.empty() ? "one of " : ", ", flaw.name);
  }
  RefuseValue(field, names);
}

void LabelErrorSteps(const JsonField& field, StepLabel label, Trace* trace) {
  for (Step& step : trace->steps) step.label = StepLabel::kCorrectNecessary;
  size_t index = 0;
  for (const JsonElement item : ReadArray(field)) {
    const JsonField number = field.Item(index++, item);
    const int64_t step = ReadInt(number);
    if (step < 1 || size_t(step) > trace->steps.size()) {
      RefuseValue(number, StrCat("a step from 1 to ", trace->steps.size()));
    }
    trace->steps[size_t(step - 1)].label = label;
  }
  if (index == 0) RefuseField(field, "expected at least one error step, got none");
  trace->necessity_known = label == StepLabel::kCorrectRedundant;
  trace->first_error = DecidedFirstError(*trace);
}

// --- ROSCOE -------------------------------------------------------------------------------------

constexpr std::string_view kContext = "CONTEXT:\n";
constexpr std::string_view kResponse = "GENERATED RESPONSE:\n";
constexpr std::string_view kJudge = "\nJUDGE: ";
constexpr std::string_view kJudgeAll = "\nJudge the generated response:";

// The criteria of the ROSCOE taxonomy that make a step wrong.
constexpr std::array<std::string_view, 6> kErrorCriteria = {"Factuality",   "Coherency and Logic",
                                                            "Final Answer", "Hallucination",
                                                            "Commonsense",  "Arithmetic"};
constexpr std::array<std::string_view, 2> kRedundancyCriteria = {"Redundancy", "Repetition"};

struct Instance {
  std::string problem;
  std::string steps;   // of the whole response
  std::string judged;  // empty: the whole response
};

Instance ReadInstance(const JsonField& field) {
  const std::string text = ReadString(field);
  const size_t context = text.find(kContext);
  const size_t response = text.find(kResponse, context == text.npos ? 0 : context);
  const size_t judge = text.rfind(kJudge);
  const size_t judge_all = text.rfind(kJudgeAll);
  const size_t end = std::min(judge, judge_all);
  if (context == text.npos || response == text.npos || end == text.npos || end < response) {
    RefuseField(field, "expected CONTEXT:, GENERATED RESPONSE: and a step or response to judge");
  }
  const std::string_view all = text;
  const size_t begin = context + kContext.size();
  Instance instance;
  instance.problem = TrimSpace(all.substr(begin, response - begin));
  const size_t steps = response + kResponse.size();
  instance.steps = TrimSpace(all.substr(std::min(steps, end), end - std::min(steps, end)));
  if (judge == end) instance.judged = TrimSpace(all.substr(judge + kJudge.size()));
  return instance;
}

// The names of the criteria with "yes".
std::vector<std::string> YesCriteria(const JsonField& annotations) {
  std::vector<JsonField> criteria;
  ReadMembers(annotations, {}, &criteria);
  std::vector<std::string> names;
  for (const JsonField& criterion : criteria) {
    const RowFields fields(criterion, {"majority_human"});
    if (!fields.Has("majority_human") || !fields.Need("majority_human").value.is_string()) continue;
    if (!ReadVerdict(fields.Need("majority_human"))) continue;
    names.push_back(criterion.path.substr(annotations.path.size() + 1));
  }
  return names;
}

StepLabel LabelByCriteria(const std::vector<std::string>& yes) {
  const auto any_of = [&yes](const auto& criteria) {
    return std::any_of(yes.begin(), yes.end(), [&](const std::string& name) {
      return std::find(criteria.begin(), criteria.end(), name) != criteria.end();
    });
  };
  if (any_of(kErrorCriteria)) return StepLabel::kIncorrect;
  if (any_of(kRedundancyCriteria)) return StepLabel::kCorrectRedundant;
  return StepLabel::kCorrectNecessary;
}

// The instances judge the steps of `lines` in order.
void LabelJudgedSteps(const std::vector<JsonField>& instances,
                      const std::vector<std::string>& lines, Trace* trace) {
  if (instances.size() != lines.size()) {
    RefuseField(instances[0],
                StrCat("expected ", lines.size(),
                       " instances, one for each step of the response, got ", instances.size()));
  }
  for (size_t i = 0; i < instances.size(); ++i) {
    const RowFields fields(instances[i], {"instance", "annotations"});
    const Instance instance = ReadInstance(fields.Need("instance"));
    if (instance.judged != lines[i]) {
      RefuseField(fields.Need("instance"), StrCat("judges another step than step ", i));
    }
    trace->steps[i].label = LabelByCriteria(YesCriteria(fields.Need("annotations")));
  }
}

bool JudgesAStep(std::string_view instance) { return instance.rfind(kJudge) != instance.npos; }

// The text shared by the instances of one response: everything before the judged part.
std::string_view ResponseOf(std::string_view instance) {
  return instance.substr(0, instance.rfind(kJudge));
}

}  // namespace

RowTraces ReadPrmBenchRow(const Row& row, const ReadOptions& options) {
  const RowFields fields(row.objects[0],
                         {"idx", "original_question", "modified_question", "original_process",
                          "modified_process", "error_steps", "classification"});
  Trace trace;
  const std::string idx = fields.Text("idx");
  trace.id = idx + ":" + fields.Text("classification");
  trace.source = SourceName(options, "prmbench");
  trace.problem = fields.Text("modified_question");
  const JsonField& steps = fields.Need("modified_process");
  std::vector<std::string> texts = ReadStrings(steps);
  StripStepNumbers(&texts);
  SetSteps(std::move(texts), steps, &trace);
  LabelErrorSteps(fields.Need("error_steps"), FlawLabel(fields.Need("classification")), &trace);
  MetaFields meta;
  fields.Keep("classification", &meta);
  fields.Keep("error_steps", &meta);
  fields.Keep("original_question", &meta);
  fields.Keep("original_process", &meta);
  fields.KeepOthers(&meta);
  trace.meta_json = meta.Take();
  RowTraces result;
  if (options.references) {
    Trace original;
    original.id = idx + ":orig";
    original.source = trace.source;
    original.problem = fields.Text("original_question");
    const JsonField& process = fields.Need("original_process");
    SetSteps(ReadStrings(process), process, &original);
    LabelAroundFirstError(-1, &original);
    original.meta_json = R"({"label_kind":"reference"})";
    result.references.push_back(std::move(original));
  }
  result.traces.push_back(std::move(trace));
  return result;
}

std::vector<std::vector<JsonField>> UnpackRoscoe(const JsonField& object) {
  const RowFields fields(object, {"instances"});
  const JsonField& instances = fields.Need("instances");
  std::vector<std::vector<JsonField>> rows;
  std::string_view last;
  size_t index = 0;
  for (const JsonElement item : ReadArray(instances)) {
    const JsonField instance = instances.Item(index++, item);
    std::string_view text;
    const bool has_text = !instance.value["instance"].get(text);
    const bool judges_a_step = has_text && JudgesAStep(text);
    const bool same = judges_a_step && !rows.empty() && ResponseOf(text) == last;
    if (!same) rows.emplace_back();
    rows.back().push_back(instance);
    last = judges_a_step ? ResponseOf(text) : std::string_view();
  }
  return rows;
}

RowTraces ReadRoscoeRow(const Row& row, const ReadOptions& options) {
  const RowFields first(row.objects[0], {"instance", "annotations"});
  const JsonField& field = first.Need("instance");
  const Instance instance = ReadInstance(field);
  Trace trace;
  trace.id = NumberedId(row, options, "roscoe");
  trace.source = SourceName(options, "roscoe");
  trace.problem = instance.problem;
  const std::vector<std::string> lines = TrimmedLines(instance.steps);
  std::vector<std::string> steps = lines;
  StripStepNumbers(&steps);
  SetSteps(std::move(steps), field, &trace);
  if (!instance.judged.empty()) {
    LabelJudgedSteps(row.objects, lines, &trace);
    trace.first_error = DecidedFirstError(trace);
  }
  std::string instances;
  for (const JsonField& object : row.objects) {
    const RowFields fields(object, {"instance", "annotations"});
    MetaFields kept;
    fields.KeepOthers(&kept);
    kept.Add("annotations", fields.Need("annotations"));
    instances += instances.empty() ? "[" : ",";
    instances += kept.Take();
  }
  MetaFields meta;
  meta.AddJson("instances", instances + "]");
  trace.meta_json = meta.Take();
  return {{std::move(trace)}, {}};
}

}  // namespace prm
