// Rows that hold problem and steps in one text, split by tags or turns.
//
// math-shepherd: {"input": text, "label": text, "task"?, "id"?}; input is
//   "<problem> Step 1: <text> ки\nStep 2: <text> ки ..", label the same text with + or - for
//   each ки (ки itself: not labelled). Source: Math-Shepherd, arXiv 2312.08935, and its data set.
// er-prm: {"text": text as above, "value": [number in [0,1]], "id"?}, one value per ки: soft
//   values. Source: ER-PRM, arXiv 2412.11006, and its repository, "Dataset Preparation".
// rlhflow: {"conversations": [{"role": "user", "content": step}, {"role": "assistant", "content":
//   "+"|"-"}, ..], "id"?}; the first content is "<problem> Step 1: <text>". Rows without this mark
//   do not show where the problem ends and are refused. Source: RLHFlow, RLHF-Reward-Modeling,
//   math-rm.
// The problem ends at ReadOptions::first_step_mark, which must occur exactly once before the first
// tag.
#include <algorithm>

#include "data/error.h"
#include "data/formats/readers.h"
#include "data/formats/row_fields.h"
#include "data/formats/step_tag.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

// Sets problem and steps from the texts between the tags; the first one starts with the problem.
void SetProblemAndSteps(const JsonField& field, std::vector<std::string> texts,
                        const ReadOptions& options, Trace* trace) {
  if (texts.empty()) RefuseField(field, "expected at least one step with its tag, got none");
  const std::string& mark = options.first_step_mark;
  const size_t start = texts[0].find(mark);
  if (start == std::string::npos) {
    RefuseField(field, StrCat("expected \"", mark, "\" at the end of the problem, got none"));
  }
  if (texts[0].find(mark, start + 1) != std::string::npos) {
    RefuseField(field, StrCat("\"", mark, "\" occurs twice: the end of the problem is ambiguous"));
  }
  trace->problem = TrimSpace(std::string_view(texts[0]).substr(0, start));
  texts[0].erase(0, start);
  for (std::string& text : texts) text = std::string(TrimSpace(text));
  StripStepNumbers(&texts);
  SetSteps(std::move(texts), field, trace);
}

// The texts before each tag; only blank text may follow the last.
std::vector<std::string> SplitAtTags(const JsonField& field, std::string_view text) {
  std::vector<std::string> texts;
  size_t begin = 0;
  for (size_t tag; (tag = text.find(kStepTag, begin)) != text.npos;) {
    texts.emplace_back(text.substr(begin, tag - begin));
    begin = tag + kStepTag.size();
  }
  if (!IsBlank(text.substr(begin))) {
    RefuseField(field, StrCat("expected the tag ", kStepTag, " at the end of the last step"));
  }
  return texts;
}

// The labels in `label` at the position of each tag of the input, whose texts are `texts`.
std::vector<std::optional<StepLabel>> ReadTags(const JsonField& field, std::string_view label,
                                               const std::vector<std::string>& texts) {
  std::vector<std::optional<StepLabel>> tags;
  for (const std::string& text : texts) {
    if (!label.starts_with(text)) {
      RefuseField(field, StrCat("differs from the input before the tag of step ", tags.size()));
    }
    label.remove_prefix(text.size());
    if (label.starts_with(kStepTag)) {
      tags.push_back(std::nullopt);
      label.remove_prefix(kStepTag.size());
    } else if (label.starts_with('+') || label.starts_with('-')) {
      tags.push_back(label[0] == '+' ? StepLabel::kCorrectNecessary : StepLabel::kIncorrect);
      label.remove_prefix(1);
    } else {
      RefuseField(field, StrCat("expected + or - as the tag of step ", tags.size()));
    }
  }
  if (!IsBlank(label)) RefuseField(field, "has text after the last tag");
  return tags;
}

StepLabel PlusOrMinus(const JsonField& field) {
  const std::string text = ReadString(field);
  const std::string_view sign = TrimSpace(text);
  if (sign == "+") return StepLabel::kCorrectNecessary;
  if (sign == "-") return StepLabel::kIncorrect;
  RefuseValue(field, "\"+\" or \"-\"");
}

// The content of one turn, whose role must be `role`.
JsonField Turn(const JsonField& turn, std::string_view role) {
  const RowFields fields(turn, {"role", "content"});
  if (fields.Text("role") != role) {
    RefuseValue(fields.Need("role"), StrCat('"', role, "\" in this turn"));
  }
  return fields.Need("content");
}

}  // namespace

RowTraces ReadMathShepherdRow(const Row& row, const ReadOptions& options) {
  const RowFields fields(row.objects[0], {"id", "input", "label"});
  Trace trace;
  trace.id = OwnOrNumberedId(fields, row, options, "math-shepherd");
  trace.source = SourceName(options, "math-shepherd");
  const std::string input = fields.Text("input");
  const std::string label = fields.Text("label");
  std::vector<std::string> texts = SplitAtTags(fields.Need("input"), input);
  const auto tags = ReadTags(fields.Need("label"), label, texts);
  SetProblemAndSteps(fields.Need("input"), std::move(texts), options, &trace);
  for (size_t i = 0; i < tags.size(); ++i) trace.steps[i].label = tags[i];
  trace.necessity_known = false;
  trace.first_error = DecidedFirstError(trace);
  trace.meta_json = fields.OthersAsMeta();
  return {{std::move(trace)}, {}};
}

RowTraces ReadErPrmRow(const Row& row, const ReadOptions& options) {
  const RowFields fields(row.objects[0], {"id", "text", "value"});
  Trace trace;
  trace.id = OwnOrNumberedId(fields, row, options, "er-prm");
  trace.source = SourceName(options, "er-prm");
  const std::string text = fields.Text("text");
  SetProblemAndSteps(fields.Need("text"), SplitAtTags(fields.Need("text"), text), options, &trace);
  const JsonField& values = fields.Need("value");
  if (ReadArray(values).size() != trace.steps.size()) {
    RefuseField(values, StrCat("expected ", trace.steps.size(), " values, one per tag, got ",
                               ReadArray(values).size()));
  }
  size_t index = 0;
  for (const JsonElement item : ReadArray(values)) {
    trace.steps[index].soft = ReadShare(values.Item(index, item));
    ++index;
  }
  trace.meta_json = fields.OthersAsMeta();
  return {{std::move(trace)}, {}};
}

RowTraces ReadRlhflowRow(const Row& row, const ReadOptions& options) {
  const RowFields fields(row.objects[0], {"id", "conversations"});
  Trace trace;
  trace.id = OwnOrNumberedId(fields, row, options, "rlhflow");
  trace.source = SourceName(options, "rlhflow");
  const JsonField& turns = fields.Need("conversations");
  std::vector<std::string> texts;
  std::vector<StepLabel> labels;
  size_t index = 0;
  for (const JsonElement item : ReadArray(turns)) {
    const JsonField turn = turns.Item(index, item);
    if (index % 2 == 0) {
      texts.push_back(ReadString(Turn(turn, "user")));
    } else {
      labels.push_back(PlusOrMinus(Turn(turn, "assistant")));
    }
    ++index;
  }
  if (texts.size() != labels.size()) RefuseField(turns, "the last step has no + or - after it");
  SetProblemAndSteps(turns, std::move(texts), options, &trace);
  for (size_t i = 0; i < labels.size(); ++i) trace.steps[i].label = labels[i];
  trace.necessity_known = false;
  trace.first_error = DecidedFirstError(trace);
  trace.meta_json = fields.OthersAsMeta();
  return {{std::move(trace)}, {}};
}

}  // namespace prm
