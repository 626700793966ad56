#include "data/formats/writers.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/formats/row_fields.h"
#include "data/formats/step_tag.h"
#include "data/io/json_text.h"
#include "data/records/trace_reader.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

using nlohmann::json;

[[noreturn]] void Refuse(const Trace& trace, const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, StrCat("trace ", trace.id, ": ", what));
}

// A writer of rows that depend on one trace each.
template <WriteResult (*Write)(Trace, const WriteOptions&)>
class EachRowWriter : public RowWriter {
 public:
  explicit EachRowWriter(const WriteOptions& options) : options_(options) {}
  WriteResult Add(Trace trace) override { return Write(std::move(trace), options_); }

 private:
  const WriteOptions options_;
};

WriteResult OneRow(std::string row) { return {{std::move(row)}, {}, 0}; }

// Unless they are kept, cuts the unlabelled steps at the end and checks that no earlier step lacks
// a label. Returns false if no label is left.
bool CutMasked(const WriteOptions& options, Trace* trace, WriteResult* result) {
  const auto labelled = [](const Step& step) { return step.label.has_value(); };
  std::vector<Step>& steps = trace->steps;
  const auto last = std::find_if(steps.rbegin(), steps.rend(), labelled).base();
  if (last == steps.begin()) {
    ++result->left_out["traces without a label"];
    return false;
  }
  if (options.keep_masked) return true;
  const auto masked = std::find_if_not(steps.begin(), last, labelled);
  if (masked != last) {
    Refuse(*trace, StrCat("step ", masked - steps.begin(), " has no label, but step ",
                          last - steps.begin() - 1, " has; the format has labels for all or none"));
  }
  if (last != steps.end()) {
    result->left_out["steps without a label at the end of a trace"] += steps.end() - last;
    steps.erase(last, steps.end());
  }
  return true;
}

// --- native -------------------------------------------------------------------------------------

// NOLINTNEXTLINE(performance-unnecessary-value-param): the signature of all writers
WriteResult WriteNative(Trace trace, const WriteOptions&) { return OneRow(TraceToJson(trace)); }

// --- Hugging Face -------------------------------------------------------------------------------

void AppendMember(std::string_view name, std::string_view value_json, std::string* json_text) {
  *json_text += json_text->empty() ? "{\"" : ",\"";
  *json_text += name;
  *json_text += "\":";
  *json_text += value_json;
}

std::string JsonString(std::string_view text) {
  std::string json_text;
  AppendJsonString(text, &json_text);
  return json_text;
}

std::string OptionalBool(const std::optional<bool>& value) {
  return !value ? "null" : *value ? "true" : "false";
}

template <class ItemJson>
std::string StepArray(const std::vector<Step>& steps, ItemJson item_json) {
  std::string json_text = "[";
  for (const Step& step : steps) {
    if (json_text.size() > 1) json_text += ',';
    json_text += item_json(step);
  }
  return json_text + "]";
}

std::string SoftJson(const Step& step) {
  std::string json_text;
  if (!step.soft) return "null";
  AppendJsonNumber(*step.soft, &json_text);
  return json_text;
}

WriteResult WriteHuggingFace(Trace trace, const WriteOptions&) {
  const auto text_or_null = [](const std::optional<std::string>& text) {
    return text ? JsonString(*text) : "null";
  };
  std::string row;
  AppendMember("id", JsonString(trace.id), &row);
  AppendMember("problem", JsonString(trace.problem), &row);
  AppendMember("steps",
               StepArray(trace.steps, [](const Step& step) { return JsonString(step.text); }),
               &row);
  const auto label_json = [](const Step& step) {
    return step.label ? JsonString(kLabelNames[size_t(*step.label)]) : "null";
  };
  AppendMember("labels", StepArray(trace.steps, label_json), &row);
  AppendMember("necessity_known", trace.necessity_known ? "true" : "false", &row);
  const auto has_soft = [](const Step& step) { return step.soft.has_value(); };
  const bool any_soft = std::any_of(trace.steps.begin(), trace.steps.end(), has_soft);
  AppendMember("soft", any_soft ? StepArray(trace.steps, SoftJson) : "null", &row);
  AppendMember("first_error", trace.first_error ? std::to_string(*trace.first_error) : "null",
               &row);
  AppendMember("final_correct", OptionalBool(trace.final_correct), &row);
  AppendMember("answer", text_or_null(trace.answer), &row);
  AppendMember("reference_answer", text_or_null(trace.reference_answer), &row);
  AppendMember("domain", JsonString(trace.domain), &row);
  AppendMember("strategy", JsonString(trace.strategy), &row);
  AppendMember("source", JsonString(trace.source), &row);
  const auto json_or_null = [](const std::string& text) {
    return text.empty() ? "null" : JsonString(text);
  };
  AppendMember("annotations_json", json_or_null(trace.annotations_json), &row);
  AppendMember("meta_json", json_or_null(trace.meta_json), &row);
  return OneRow(row + "}");
}

// --- TRL ----------------------------------------------------------------------------------------

WriteResult WriteTrl(Trace trace, const WriteOptions& options) {
  WriteResult result;
  if (!CutMasked(options, &trace, &result)) return result;
  json completions = json::array(), labels = json::array();
  for (const Step& step : trace.steps) {
    completions.push_back(step.text);
    labels.push_back(step.label ? json(IsCorrect(*step.label)) : json(nullptr));
  }
  result.rows.push_back(json{
      {"id", trace.id},
      {"prompt", trace.problem},
      {"completions", std::move(completions)},
      {"labels",
       std::move(labels)}}.dump());
  return result;
}

// --- Math-Shepherd ------------------------------------------------------------------------------

// The mark before the first step; it must not occur anywhere else before the first tag.
constexpr std::string_view kFirstStep = "Step 1:";

void CheckTaggable(const Trace& trace) {
  const auto check = [&trace](std::string_view text, std::string_view place) {
    if (text.find(kStepTag) != text.npos) {
      Refuse(trace, StrCat(place, " holds the tag ", kStepTag, " itself"));
    }
  };
  check(trace.problem, "problem");
  for (const Step& step : trace.steps) check(step.text, "a step");
  if (trace.problem.find(kFirstStep) != std::string::npos ||
      trace.steps[0].text.find(kFirstStep) != std::string::npos) {
    Refuse(trace, StrCat("problem or first step holds \"", kFirstStep,
                         "\", which marks where the problem ends"));
  }
}

WriteResult WriteMathShepherd(Trace trace, const WriteOptions& options) {
  WriteResult result;
  if (!CutMasked(options, &trace, &result)) return result;
  CheckTaggable(trace);
  std::string input(TrimSpace(trace.problem));
  int64_t trimmed = input.size() != trace.problem.size();
  std::string label = input;
  for (size_t i = 0; i < trace.steps.size(); ++i) {
    const Step& step = trace.steps[i];
    const std::string_view text = TrimSpace(step.text);
    trimmed += text.size() != step.text.size();
    const std::string numbered = StrCat(i == 0 ? " " : "\n", "Step ", i + 1, ": ", text, " ");
    input += StrCat(numbered, kStepTag);
    label += numbered;
    label += !step.label ? kStepTag : IsCorrect(*step.label) ? "+" : "-";
  }
  if (trimmed > 0) result.left_out["white space around a problem or step"] += trimmed;
  result.rows.push_back(json{{"id", trace.id}, {"input", input}, {"label", label}}.dump());
  return result;
}

// --- ProcessBench -------------------------------------------------------------------------------

WriteResult WriteProcessBench(Trace trace, const WriteOptions&) {
  if (!trace.first_error)
    Refuse(trace, "first_error is not decidable, and the format has no other label");
  WriteResult result;
  json steps = json::array();
  for (const Step& step : trace.steps) steps.push_back(step.text);
  json row = {{"id", trace.id},
              {"generator", nullptr},
              {"problem", trace.problem},
              {"steps", std::move(steps)},
              {"final_answer_correct", nullptr},
              {"label", *trace.first_error}};
  if (trace.final_correct) row["final_answer_correct"] = *trace.final_correct;
  if (!trace.meta_json.empty()) {
    const json meta = json::parse(trace.meta_json);
    if (meta.contains("generator")) row["generator"] = meta["generator"];
    if (meta.contains("generator") && meta.size() == 1) result.carried = kPartMeta;
  }
  result.rows.push_back(row.dump());
  return result;
}

// --- SFT ----------------------------------------------------------------------------------------

WriteResult WriteSft(Trace trace, const WriteOptions& options) {
  WriteResult result;
  const auto has_label = [](const Step& step) { return step.label.has_value(); };
  const auto is_correct = [](const Step& step) { return !step.label || IsCorrect(*step.label); };
  if (!std::all_of(trace.steps.begin(), trace.steps.end(), is_correct) ||
      trace.first_error.value_or(-1) >= 0) {
    ++result.left_out["traces with a wrong step"];
  } else if (!std::all_of(trace.steps.begin(), trace.steps.end(), has_label)) {
    ++result.left_out["traces with a step that has no label"];
  } else if (trace.final_correct == false) {
    ++result.left_out["traces with a wrong answer"];
  } else if (!trace.final_correct && !options.unknown_answers) {
    ++result.left_out["traces whose answer is not known to be right"];
  } else {
    std::string completion;
    for (const Step& step : trace.steps) {
      if (!completion.empty()) completion += options.joint;
      completion += step.text;
    }
    result.rows.push_back(
        json{{"id", trace.id}, {"prompt", trace.problem}, {"completion", completion}}.dump());
  }
  return result;
}

}  // namespace

std::unique_ptr<RowWriter> NewNativeWriter(const WriteOptions& options) {
  return std::make_unique<EachRowWriter<WriteNative>>(options);
}
std::unique_ptr<RowWriter> NewHuggingFaceWriter(const WriteOptions& options) {
  return std::make_unique<EachRowWriter<WriteHuggingFace>>(options);
}
std::unique_ptr<RowWriter> NewTrlWriter(const WriteOptions& options) {
  return std::make_unique<EachRowWriter<WriteTrl>>(options);
}
std::unique_ptr<RowWriter> NewMathShepherdWriter(const WriteOptions& options) {
  return std::make_unique<EachRowWriter<WriteMathShepherd>>(options);
}
std::unique_ptr<RowWriter> NewProcessBenchWriter(const WriteOptions& options) {
  return std::make_unique<EachRowWriter<WriteProcessBench>>(options);
}
std::unique_ptr<RowWriter> NewSftWriter(const WriteOptions& options) {
  return std::make_unique<EachRowWriter<WriteSft>>(options);
}

}  // namespace prm
