// The table of formats: the only place where formats are known by name.
#include <algorithm>

#include "data/error.h"
#include "data/formats/format.h"
#include "data/formats/prm800k.h"
#include "data/formats/readers.h"
#include "data/formats/writers.h"

namespace prm {
namespace {

using Member = RowMember;

// For formats with two classes: an incomplete step is neither, and steps after the first error are
// not judged. Source: specs, formats section 1 "Policies".
constexpr LabelPolicy kTwoClasses = {LabelFate::kPositive, LabelFate::kMasked, LabelFate::kMasked};
// Only the first error is stated, and an incomplete step counts as one.
constexpr LabelPolicy kFirstError = {LabelFate::kPositive, LabelFate::kNegative, LabelFate::kOwn};
// Three ratings; alternatives after an error keep theirs.
constexpr LabelPolicy kRatings = {LabelFate::kOwn, LabelFate::kMasked, LabelFate::kOwn};

std::vector<Format> MakeFormats() {
  return {
      {.name = "native",
       .rows = "{id, problem, steps[], labels[], ..}: this project's own",
       .members = {{"id", Member::kString},
                   {"problem", Member::kString},
                   {"steps", Member::kStringArray}},
       .read = ReadNativeRow,
       .new_writer = NewNativeWriter,
       .carries = kAllParts},
      {.name = "huggingface",
       .rows = "native columns, all in every row; written as a folder with a data card",
       .members = {{"id", Member::kString},
                   {"problem", Member::kString},
                   {"steps", Member::kStringArray},
                   {"meta_json"},
                   {"annotations_json"}},
       .read = ReadHuggingFaceRow,
       .new_writer = NewHuggingFaceWriter,
       .carries = kAllParts},
      {.name = "prm800k",
       .rows = "{question{problem, ..}, label{steps[{completions[], ..}]}}: both phases",
       .members = {{"question", Member::kObject}, {"label", Member::kObject}},
       .read = ReadPrm800kRow,
       .new_writer = NewPrm800kWriter,
       .write_policy = kRatings,
       .keeps_incomplete = false,
       .carries = kPartId | kPartDecidedFirstError | kPartReferenceAnswer},
      {.name = "math-shepherd",
       .rows = "{input, label}: one text, each step ends with its tag",
       .members = {{"input", Member::kString}, {"label", Member::kString}},
       .read = ReadMathShepherdRow,
       .new_writer = NewMathShepherdWriter,
       .write_policy = kTwoClasses,
       .keeps_redundant = false,
       .keeps_incomplete = false,
       .carries = kPartId | kPartDecidedFirstError},
      {.name = "trl",
       .rows = "{prompt, completions[], labels[true|false]}: stepwise supervision",
       .members = {{"prompt", Member::kString},
                   {"completions", Member::kStringArray},
                   {"labels", Member::kArray}},
       .read = ReadTrlRow,
       .new_writer = NewTrlWriter,
       .write_policy = kTwoClasses,
       .keeps_redundant = false,
       .keeps_incomplete = false,
       .carries = kPartId | kPartDecidedFirstError},
      {.name = "math-aps",
       .rows = "{question, reasoning_steps: [{solution_prefix, mc_value}] or a tree}",
       .members = {{"question", Member::kString}, {"reasoning_steps"}},
       .read = ReadMathApsRow},
      {.name = "er-prm",
       .rows = "{text, value[]}: tags as math-shepherd, a number for each",
       .members = {{"text", Member::kString}, {"value", Member::kArray}},
       .read = ReadErPrmRow},
      {.name = "rlhflow",
       .rows = "{conversations[{role, content}]}: a step, then + or -",
       .members = {{"conversations", Member::kArray}},
       .read = ReadRlhflowRow},
      {.name = "fover",
       .rows = "{problem, solution_steps[], error_labels[true = correct]}",
       .members = {{"problem", Member::kString},
                   {"solution_steps", Member::kStringArray},
                   {"error_labels", Member::kArray}},
       .read = ReadFoverRow},
      {.name = "processbench",
       .rows = "{id, problem, steps[], label: first error from 0 or -1}",
       .members = {{"id", Member::kString},
                   {"problem", Member::kString},
                   {"steps", Member::kStringArray},
                   {"label", Member::kInteger}},
       .read = ReadProcessBenchRow,
       .new_writer = NewProcessBenchWriter,
       .write_policy = kFirstError,
       .keeps_redundant = false,
       .keeps_incomplete = false,
       .carries = kPartId | kPartFirstError | kPartFinalCorrect},
      {.name = "prmbench",
       .rows = "{idx, modified_process[], error_steps[from 1], classification, ..}",
       .members = {{"original_process", Member::kStringArray},
                   {"modified_process", Member::kStringArray},
                   {"error_steps", Member::kArray}},
       .read = ReadPrmBenchRow},
      {.name = "mr-gsm8k",
       .rows = "{uuid, question, model_output_steps[], ..}",
       .members = {{"uuid", Member::kString},
                   {"question", Member::kString},
                   {"model_output_steps", Member::kStringArray}},
       .read = ReadMrGsm8kRow},
      {.name = "mr-ben",
       .rows = "{Question_UUID, Model_Solution_Steps[], ..}, one by one or {uuid: [rows]}",
       .members = {{"Question_UUID", Member::kString},
                   {"Model_Solution_Steps", Member::kStringArray}},
       .read = ReadMrBenRow,
       .unpack = UnpackMrBen},
      {.name = "bbm",
       .rows = "{input, steps[], mistake_index}: BIG-Bench-Mistake",
       .members = {{"input", Member::kString}, {"steps", Member::kStringArray}, {"mistake_index"}},
       .read = ReadBigBenchMistakeRow},
      {.name = "roscoe",
       .rows = "{instances[{instance, annotations}]}: one step each; a row is a response",
       .members = {{"instances", Member::kArray}},
       .read = ReadRoscoeRow,
       .unpack = UnpackRoscoe},
      {.name = "verify-then-generate",
       .rows = "{problem, student_incorrect_solution[], incorrect_index, ..}",
       .members = {{"problem", Member::kString},
                   {"student_incorrect_solution", Member::kStringArray},
                   {"incorrect_index", Member::kInteger}},
       .read = ReadVerifyThenGenerateRow},
      {.name = "gsm8k",
       .rows = "{question, answer}: lines with calculator marks, then #### answer",
       .members = {{"question", Member::kString}, {"answer", Member::kString}},
       .read = ReadGsm8kRow},
      {.name = "text",
       .rows = "plain text, split by --split; blocks between lines of ---",
       .read = ReadTextBlock,
       .is_text = true},
      {.name = "sft",
       .rows = "{prompt, completion}: traces that are right in every step and in the answer",
       .new_writer = NewSftWriter,
       .write_policy = kTwoClasses,
       .keeps_redundant = false,
       .keeps_incomplete = false,
       .carries = kPartId | kPartDecidedFirstError | kPartFinalCorrect},
      {.name = "pairs",
       .rows = "{prompt, chosen, rejected, ..}: a valid against an invalid step",
       .new_writer = NewPairsWriter,
       .write_policy = kTwoClasses,
       .keeps_redundant = false,
       .keeps_incomplete = false,
       .carries = kPartId | kPartDecidedFirstError},
  };
}

bool HasKind(const JsonElement& value, Member::Kind kind) {
  simdjson::dom::array array;
  switch (kind) {
    case Member::kAny:
      return true;
    case Member::kString:
      return value.is_string();
    case Member::kInteger:
      return value.is_int64();
    case Member::kArray:
      return value.is_array();
    case Member::kStringArray:
      return !value.get(array) &&
             std::all_of(array.begin(), array.end(),
                         [](const JsonElement& item) { return item.is_string(); });
    case Member::kObject:
      return value.is_object();
  }
  return false;
}

bool HasMembers(const Format& format, const JsonElement& value) {
  simdjson::dom::object object;
  if (value.get(object)) return false;
  return std::all_of(format.members.begin(), format.members.end(), [&](const Member& member) {
    JsonElement found;
    return !object[member.name].get(found) && HasKind(found, member.kind);
  });
}

// Looks for the members in the object itself, or in the first row of its first list.
bool Recognises(const Format& format, const JsonField& field) {
  if (format.members.empty()) return false;
  if (HasMembers(format, field.value)) return true;
  simdjson::dom::object object;
  simdjson::dom::array list;
  if (format.unpack == nullptr || field.value.get(object) || object.size() == 0) return false;
  if ((*object.begin()).value.get(list) || list.size() == 0) return false;
  return HasMembers(format, *list.begin());
}

// Whether every member of `part` is one of `whole`.
bool Includes(const Format& whole, const Format& part) {
  return std::all_of(part.members.begin(), part.members.end(), [&](const Member& member) {
    return std::any_of(whole.members.begin(), whole.members.end(),
                       [&](const Member& other) { return other.name == member.name; });
  });
}

std::string MemberNames(const JsonField& field) {
  simdjson::dom::object object;
  std::string names;
  if (field.value.get(object)) return "";
  size_t count = 0;
  for (const auto [name, value] : object) {
    if (++count > 12) return names + ", ..";
    names += StrCat(names.empty() ? "" : ", ", name);
  }
  return names;
}

}  // namespace

std::span<const Format> Formats() {
  static const std::vector<Format> formats = MakeFormats();
  return formats;
}

const Format& FormatNamed(std::string_view name) {
  std::string names;
  for (const Format& format : Formats()) {
    if (format.name == name) return format;
    names += StrCat(names.empty() ? "" : ", ", format.name);
  }
  throw OptionError(StrCat("no format \"", name, "\"; there are ", names));
}

const Format& DetectFormat(std::span<const JsonField> objects) {
  std::vector<const Format*> fitting;
  for (const Format& format : Formats()) {
    const auto recognised = [&](const JsonField& object) { return Recognises(format, object); };
    if (std::all_of(objects.begin(), objects.end(), recognised)) fitting.push_back(&format);
  }
  std::vector<const Format*> best;
  for (const Format* format : fitting) {
    const auto more_particular = [&](const Format* other) {
      return other != format && Includes(*other, *format);
    };
    if (std::none_of(fitting.begin(), fitting.end(), more_particular)) best.push_back(format);
  }
  if (best.size() == 1) return *best[0];
  std::string what = "is that of no known one";
  if (!best.empty()) {
    what = "fits";
    for (const Format* format : best) what += StrCat(" ", format->name);
  }
  throw Error(ErrorCode::kInvalidArgument,
              StrCat(objects[0].where, ": the format of the first ", objects.size(), " rows ", what,
                     "; name it (members: ", MemberNames(objects[0]), ")"));
}

std::vector<std::string_view> PartsNotCarried(const Trace& trace, uint32_t carried) {
  const auto has_soft = [](const Step& step) { return step.soft.has_value(); };
  const bool decided =
      (carried & kPartDecidedFirstError) != 0 && DecidedFirstError(trace) == trace.first_error;
  const std::pair<uint32_t, std::pair<std::string_view, bool>> parts[] = {
      {kPartId, {"id", true}},
      {kPartSoft, {"soft", std::any_of(trace.steps.begin(), trace.steps.end(), has_soft)}},
      {kPartFirstError, {"first_error", trace.first_error.has_value() && !decided}},
      {kPartFinalCorrect, {"final_correct", trace.final_correct.has_value()}},
      {kPartAnswer, {"answer", trace.answer.has_value()}},
      {kPartReferenceAnswer, {"reference_answer", trace.reference_answer.has_value()}},
      {kPartDomain, {"domain", !trace.domain.empty()}},
      {kPartStrategy, {"strategy", !trace.strategy.empty()}},
      {kPartSource, {"source", !trace.source.empty()}},
      {kPartAnnotations, {"annotations", !trace.annotations_json.empty()}},
      {kPartMeta, {"meta", !trace.meta_json.empty()}},
  };
  std::vector<std::string_view> names;
  for (const auto& [part, named] : parts) {
    if (named.second && (carried & part) == 0) names.push_back(named.first);
  }
  return names;
}

}  // namespace prm
