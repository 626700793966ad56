#include "data/formats/row_fields.h"

#include <algorithm>
#include <charconv>

#include "data/error.h"
#include "data/io/json_text.h"
#include "data/text/ascii.h"

namespace prm {

void MetaFields::Add(std::string_view name, const JsonField& field) {
  if (names_.contains(name)) {
    RefuseField(field, "cannot be kept under meta, where the format has a member of this name");
  }
  AddJson(name, ReadJson(field));
}

void MetaFields::AddText(std::string_view name, std::string_view text) {
  std::string json;
  AppendJsonString(text, &json);
  AddJson(name, json);
}

void MetaFields::AddJson(std::string_view name, std::string_view json) {
  json_ += json_.empty() ? "{" : ",";
  AppendJsonString(name, &json_);
  json_ += ':';
  json_ += json;
  names_.emplace(name);
}

std::string MetaFields::Take() { return json_.empty() ? "" : std::move(json_) + "}"; }

RowFields::RowFields(const JsonField& row, std::initializer_list<std::string_view> names)
    : row_(row), names_(names), members_(ReadMembers(row, names_, &others_)) {}

const JsonMember& RowFields::Get(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) throw Error(ErrorCode::kInternal, StrCat("no member ", name));
  return members_[size_t(found - names_.begin())];
}

const JsonField& RowFields::Need(std::string_view name) const {
  return Required(Get(name), name, row_);
}

std::optional<std::string> RowFields::OptionalText(std::string_view name) const {
  if (!Has(name)) return std::nullopt;
  return ReadString(Get(name).field);
}

void RowFields::KeepOthers(MetaFields* meta) const {
  const size_t skip = row_.path.empty() ? 0 : row_.path.size() + 1;
  for (const JsonField& other : others_) meta->Add(other.path.substr(skip), other);
}

std::string RowFields::OthersAsMeta() const {
  MetaFields meta;
  KeepOthers(&meta);
  return meta.Take();
}

void RowFields::Keep(std::string_view name, MetaFields* meta) const {
  if (Get(name).present) meta->Add(name, Get(name).field);
}

std::string SourceName(const ReadOptions& options, std::string_view fallback) {
  return options.source.empty() ? std::string(fallback) : options.source;
}

std::string NumberedId(const Row& row, const ReadOptions& options, std::string_view format) {
  return StrCat(SourceName(options, format), "/", row.number);
}

std::string OwnOrNumberedId(const RowFields& fields, const Row& row, const ReadOptions& options,
                            std::string_view format) {
  return fields.Has("id") ? ReadScalarText(fields.Need("id")) : NumberedId(row, options, format);
}

std::vector<std::string> ReadStrings(const JsonField& field) {
  std::vector<std::string> texts;
  for (const JsonElement item : ReadArray(field)) {
    texts.push_back(ReadString(field.Item(texts.size(), item)));
  }
  return texts;
}

void SetSteps(std::vector<std::string> texts, const JsonField& field, Trace* trace) {
  for (size_t i = 0; i < texts.size(); ++i) {
    if (IsBlank(texts[i])) {
      RefuseField(field, StrCat("expected steps with text, got a blank one at [", i, "]"));
    }
    trace->steps.push_back({std::move(texts[i]), std::nullopt, std::nullopt});
  }
  if (texts.empty()) RefuseField(field, "expected at least one step, got none");
}

std::optional<NumberedText> ReadStepNumber(std::string_view text) {
  constexpr std::string_view kStep = "Step ";
  text = TrimSpace(text);
  if (!text.starts_with(kStep)) return std::nullopt;
  text.remove_prefix(kStep.size());
  NumberedText numbered;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), numbered.number);
  if (error != std::errc() || numbered.number < 1) return std::nullopt;
  text = TrimSpace(text.substr(size_t(end - text.data())));
  if (text.empty() || std::string_view(":.-)").find(text[0]) == std::string_view::npos) {
    return std::nullopt;
  }
  numbered.text = TrimSpace(text.substr(1));
  return numbered.text.empty() ? std::nullopt : std::optional(numbered);
}

void StripStepNumbers(std::vector<std::string>* texts) {
  std::vector<std::string> stripped;
  int last = 0;
  for (const std::string& text : *texts) {
    const std::optional<NumberedText> numbered = ReadStepNumber(text);
    if (!numbered || numbered->number <= last) return;
    last = numbered->number;
    stripped.emplace_back(numbered->text);
  }
  *texts = std::move(stripped);
}

void TraceBudget::Take(const Trace& trace, const JsonField& field) {
  bytes_ += sizeof(Trace) + trace.id.size() + trace.problem.size() + trace.meta_json.size();
  for (const Step& step : trace.steps) bytes_ += sizeof(Step) + step.text.size();
  if (bytes_ <= kMaxBytes) return;
  RefuseField(field, StrCat("the paths of one row as traces hold more than ", kMaxBytes,
                            " bytes together, the limit of a row"));
}

void LabelAroundFirstError(int first_error, Trace* trace) {
  const size_t end = first_error < 0 ? trace->steps.size() : size_t(first_error);
  for (size_t i = 0; i < end; ++i) trace->steps[i].label = StepLabel::kCorrectNecessary;
  if (first_error >= 0) trace->steps[end].label = StepLabel::kIncorrect;
  trace->first_error = first_error;
  trace->necessity_known = false;
}

std::vector<std::string> TrimmedLines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = TrimSpace(text.substr(0, end));
    if (!line.empty()) lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool ReadVerdict(const JsonField& field) {
  if (field.value.is_bool()) return ReadBool(field);
  if (field.value.is_int64() && (ReadInt(field) == 0 || ReadInt(field) == 1)) {
    return ReadInt(field) == 1;
  }
  if (field.value.is_string()) {
    std::string word = ReadString(field);
    std::transform(word.begin(), word.end(), word.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    if (word == "true" || word == "correct" || word == "yes") return true;
    if (word == "false" || word == "incorrect" || word == "wrong" || word == "no") return false;
  }
  RefuseValue(field, "true or false, correct or wrong");
}

float ReadShare(const JsonField& field) {
  const double share = ReadNumber(field);
  if (!(share >= 0 && share <= 1)) RefuseValue(field, "a number in [0, 1]");
  return float(share);
}

std::string ReadScalarText(const JsonField& field) {
  if (field.value.is_string()) return ReadString(field);
  if (!field.value.is_number()) RefuseValue(field, "a string or a number");
  return std::string(simdjson::minify(field.value));
}

}  // namespace prm
