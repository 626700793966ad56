// Rows that state the first wrong step: steps before it are correct (necessity unknown), it is
// incorrect, steps after it have no label. Marks "Step 1: ..", "Step 2: .." are removed if every
// step has one and the numbers rise.
//
// processbench: {"id", "generator": text|null, "problem", "steps": [text],
//   "final_answer_correct": bool|null, "label": int}; label from 0, -1 none. Source: ProcessBench,
//   arXiv 2412.06559, section 3.
// mr-gsm8k: {"uuid", "question", "model_output_steps": [text], "model_output_answer_correctness",
//   "model_output_solution_correctness": "correct"|"wrong",
//   "model_output_solution_first_error_step": int from 1 | "N/A", "ground_truth_solution",
//   "ground_truth_answer", ..}. Source: MR-GSM8K, arXiv 2312.17080.
// mr-ben: {"Question_UUID", "Subject", "Question", "Options", "Model_Solution_Steps": [text],
//   "Model_Solution_Correctness", "Model_Solution_First_Error_Step": "int from 1"|"N/A", ..}, one
//   by one or as lists under their UUID: {UUID: [row]}. Steps without text are dropped, and every
//   mark "Step k:" is removed. The first wrong step is the only step marked with the number or, if
//   there is none, the step at that position among those with text. Source: Mr-Ben, arXiv
//   2406.13975.
// bbm: {"input", "steps": [text], "target", "answer", "mistake_index": int|null}; from 0, null
//   none. Source: BIG-Bench-Mistake, arXiv 2311.08516.
// verify-then-generate: {"problem", "reference_solution": lines, "student_incorrect_solution":
//   [text], "incorrect_index": int, ..}; from 0. Source: arXiv 2407.09136.
#include <charconv>

#include "data/answers/answers.h"
#include "data/error.h"
#include "data/formats/readers.h"
#include "data/formats/row_fields.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

// The value of `field` as the trace's own index from 0; must be between `first` and the last step.
int StepIndex(const JsonField& field, int64_t stated, int64_t base, const Trace& trace) {
  const int64_t count = int64_t(trace.steps.size());
  if (stated < base || stated >= base + count) {
    RefuseValue(field, StrCat("a step from ", base, " to ", base + count - 1));
  }
  return int(stated - base);
}

// The number of a step, which may be a string; 0 for "N/A" and null.
int64_t StepNumber(const JsonField& field) {
  if (field.value.is_null()) return 0;
  int64_t number = 0;
  if (field.value.is_string()) {
    const std::string text(TrimSpace(ReadString(field)));
    if (text == "N/A") return 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) number = 0;
  } else {
    number = ReadInt(field);
  }
  if (number < 1) RefuseValue(field, "the number of a step, from 1, or \"N/A\"");
  return number;
}

int FirstErrorFromOne(const JsonField& field, const Trace& trace) {
  const int64_t number = StepNumber(field);
  return number == 0 ? -1 : StepIndex(field, number, 1, trace);
}

// The stated verdict on the whole solution must agree with the first wrong step.
void CheckVerdict(const JsonField& verdict, int first_error) {
  if (ReadVerdict(verdict) == (first_error < 0)) return;
  RefuseValue(verdict, first_error < 0 ? "correct, as no step is wrong"
                                       : StrCat("wrong, as step ", first_error, " is"));
}

// The lines of a reference solution as a trace, taken as all correct.
Trace Reference(const Trace& judged, const JsonField& solution) {
  Trace trace;
  trace.id = judged.id + ":ref";
  trace.problem = judged.problem;
  trace.source = judged.source;
  trace.reference_answer = judged.reference_answer;
  SetSteps(TrimmedLines(ReadString(solution)), solution, &trace);
  LabelAroundFirstError(-1, &trace);
  trace.final_correct = true;
  trace.meta_json = R"({"label_kind":"reference"})";
  return trace;
}

// The row's trace with its meta, which keeps the reference solution in the member `name`. Adds that
// solution as a trace of its own if requested.
RowTraces WithReference(Trace trace, const RowFields& fields, std::string_view name,
                        const ReadOptions& options) {
  MetaFields meta;
  fields.KeepOthers(&meta);
  fields.Keep(name, &meta);
  trace.meta_json = meta.Take();
  RowTraces result;
  if (options.references && fields.Has(name)) {
    result.references.push_back(Reference(trace, fields.Need(name)));
  }
  result.traces.push_back(std::move(trace));
  return result;
}

}  // namespace

RowTraces ReadProcessBenchRow(const Row& row, const ReadOptions& options) {
  const RowFields fields(row.objects[0],
                         {"id", "generator", "problem", "steps", "label", "final_answer_correct"});
  Trace trace;
  trace.id = fields.Text("id");
  trace.source = SourceName(options, "processbench");
  trace.problem = fields.Text("problem");
  SetSteps(ReadStrings(fields.Need("steps")), fields.Need("steps"), &trace);
  const JsonField& label = fields.Need("label");
  const int64_t stated = ReadInt(label);
  LabelAroundFirstError(stated == -1 ? -1 : StepIndex(label, stated, 0, trace), &trace);
  if (fields.Has("final_answer_correct")) {
    trace.final_correct = ReadBool(fields.Need("final_answer_correct"));
  }
  MetaFields meta;
  if (fields.Has("generator")) fields.Keep("generator", &meta);
  fields.KeepOthers(&meta);
  trace.meta_json = meta.Take();
  return {{std::move(trace)}, {}};
}

RowTraces ReadMrGsm8kRow(const Row& row, const ReadOptions& options) {
  constexpr std::string_view kFirstError = "model_output_solution_first_error_step";
  const RowFields fields(
      row.objects[0], {"uuid", "question", "model_output_steps", "model_output_answer_correctness",
                       "model_output_solution_correctness", kFirstError, "ground_truth_solution",
                       "ground_truth_answer"});
  Trace trace;
  trace.id = fields.Text("uuid");
  trace.source = SourceName(options, "mr-gsm8k");
  trace.problem = fields.Text("question");
  std::vector<std::string> steps = ReadStrings(fields.Need("model_output_steps"));
  StripStepNumbers(&steps);
  SetSteps(std::move(steps), fields.Need("model_output_steps"), &trace);
  const int first_error = FirstErrorFromOne(fields.Need(kFirstError), trace);
  CheckVerdict(fields.Need("model_output_solution_correctness"), first_error);
  LabelAroundFirstError(first_error, &trace);
  trace.final_correct = ReadVerdict(fields.Need("model_output_answer_correctness"));
  if (fields.Has("ground_truth_answer")) {
    trace.reference_answer = ReadScalarText(fields.Need("ground_truth_answer"));
  }
  return WithReference(std::move(trace), fields, "ground_truth_solution", options);
}

std::vector<std::vector<JsonField>> UnpackMrBen(const JsonField& object) {
  std::vector<std::vector<JsonField>> rows;
  if (!object.value["Question_UUID"].error()) return {{object}};
  std::vector<JsonField> lists;
  ReadMembers(object, {}, &lists);
  for (const JsonField& list : lists) {
    size_t index = 0;
    for (const JsonElement item : ReadArray(list)) rows.push_back({list.Item(index++, item)});
  }
  return rows;
}

RowTraces ReadMrBenRow(const Row& row, const ReadOptions& options) {
  const RowFields fields(
      row.objects[0],
      {"Question_UUID", "Subject", "Question", "Options", "Sampled_Model", "Model_Solution_Steps",
       "Model_Solution_Correctness", "Model_Solution_First_Error_Step", "Ground_Truth_Answer"});
  Trace trace;
  trace.id = fields.Text("Question_UUID") + ":" + fields.Text("Sampled_Model");
  trace.source = SourceName(options, "mr-ben");
  trace.problem = fields.Text("Question");
  const std::string choices = fields.OptionalText("Options").value_or("");
  if (!IsBlank(choices)) trace.problem += "\n" + choices;
  trace.domain = fields.OptionalText("Subject").value_or("");
  std::vector<std::string> steps = ReadStrings(fields.Need("Model_Solution_Steps"));
  std::erase_if(steps, [](const std::string& step) { return IsBlank(step); });
  const JsonField& error_step = fields.Need("Model_Solution_First_Error_Step");
  const int64_t number = StepNumber(error_step);
  std::optional<int> marked;
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::optional<NumberedText> numbered = ReadStepNumber(steps[i]);
    if (numbered && numbered->number == number) {
      if (marked) RefuseValue(error_step, "a number that marks exactly one step");
      marked = int(i);
    }
    steps[i] = std::string(numbered ? numbered->text : TrimSpace(steps[i]));
  }
  SetSteps(std::move(steps), fields.Need("Model_Solution_Steps"), &trace);
  const int first_error = marked ? *marked : FirstErrorFromOne(error_step, trace);
  CheckVerdict(fields.Need("Model_Solution_Correctness"), first_error);
  LabelAroundFirstError(first_error, &trace);
  trace.reference_answer = fields.OptionalText("Ground_Truth_Answer");
  trace.meta_json = fields.OthersAsMeta();
  return {{std::move(trace)}, {}};
}

RowTraces ReadBigBenchMistakeRow(const Row& row, const ReadOptions& options) {
  const RowFields fields(row.objects[0], {"input", "steps", "target", "answer", "mistake_index"});
  Trace trace;
  trace.id = NumberedId(row, options, "bbm");
  trace.source = SourceName(options, "bbm");
  trace.problem = fields.Text("input");
  SetSteps(ReadStrings(fields.Need("steps")), fields.Need("steps"), &trace);
  const JsonField& index = fields.Need("mistake_index");
  LabelAroundFirstError(index.value.is_null() ? -1 : StepIndex(index, ReadInt(index), 0, trace),
                        &trace);
  trace.reference_answer = fields.OptionalText("target");
  trace.answer = fields.OptionalText("answer");
  if (trace.answer && trace.reference_answer) {
    trace.final_correct = SameAnswer(*trace.answer, *trace.reference_answer);
  }
  trace.meta_json = fields.OthersAsMeta();
  return {{std::move(trace)}, {}};
}

RowTraces ReadVerifyThenGenerateRow(const Row& row, const ReadOptions& options) {
  constexpr std::string_view kSteps = "student_incorrect_solution";
  const RowFields fields(row.objects[0],
                         {"problem", "reference_solution", kSteps, "incorrect_index"});
  Trace trace;
  trace.id = NumberedId(row, options, "verify-then-generate");
  trace.source = SourceName(options, "verify-then-generate");
  trace.problem = fields.Text("problem");
  std::vector<std::string> steps = ReadStrings(fields.Need(kSteps));
  for (std::string& step : steps) step = std::string(TrimSpace(step));
  SetSteps(std::move(steps), fields.Need(kSteps), &trace);
  const JsonField& index = fields.Need("incorrect_index");
  LabelAroundFirstError(StepIndex(index, ReadInt(index), 0, trace), &trace);
  trace.final_correct = false;
  return WithReference(std::move(trace), fields, "reference_solution", options);
}

}  // namespace prm
