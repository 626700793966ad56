#include "data/io/json_lines.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/text/ascii.h"
#include "data/text/utf8.h"
#include "data/trace.h"

namespace prm {
namespace {

constexpr size_t kMaxShownBytes = 60;
constexpr size_t kMaxCauseBytes = 300;

// Records only where and why a text is invalid JSON.
struct ErrorFinder : nlohmann::json_sax<nlohmann::json> {
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t at, const std::string&, const nlohmann::detail::exception& e) override {
    byte = at;
    message = e.what();
    return false;
  }

  size_t byte = 0;  // from 1
  std::string message;
};

// simdjson reports only the kind of error; nlohmann also its position.
std::string ExplainInvalidJson(std::string_view json, simdjson::error_code error) {
  if (const std::optional<size_t> offset = FindInvalidUtf8(json)) {
    return StrCat("not UTF-8 at byte ", *offset);
  }
  if (error == simdjson::NUMBER_ERROR) {
    return "not valid JSON: a number that is malformed or does not fit 64 bits";
  }
  if (error != simdjson::DEPTH_ERROR && error != simdjson::CAPACITY) {
    ErrorFinder finder;
    if (!nlohmann::json::sax_parse(json, &finder) && finder.byte > 0) {
      const size_t start = std::min(finder.message.find(": "), finder.message.size());
      return StrCat("not valid JSON at byte ", finder.byte - 1,
                    ClipText(finder.message.substr(start), kMaxCauseBytes));
    }
  }
  return StrCat("not valid JSON: ", simdjson::error_message(error));
}

std::string Show(const JsonElement& value) {
  return ClipText(simdjson::minify(value), kMaxShownBytes);
}

}  // namespace

JsonField JsonField::Item(size_t index, JsonElement item) const {
  return {where, path + "[" + std::to_string(index) + "]", item};
}

JsonField JsonField::Member(std::string_view name, JsonElement member) const {
  return {where, path.empty() ? std::string(name) : path + "." + std::string(name), member};
}

void RefuseField(const JsonField& field, const std::string& what) {
  const std::string place = field.path.empty() ? "" : field.path + ": ";
  throw Error(ErrorCode::kInvalidArgument, StrCat(field.where, ": ", place, what));
}

void RefuseValue(const JsonField& field, const std::string& expected) {
  RefuseField(field, StrCat("expected ", expected, ", got ", Show(field.value)));
}

JsonField ParseJsonObject(std::string_view json, std::string_view where,
                          simdjson::dom::parser* parser) {
  JsonField field{where, "", {}};
  const simdjson::error_code error = parser->parse(json.data(), json.size()).get(field.value);
  if (error) {
    throw Error(ErrorCode::kInvalidArgument, StrCat(where, ": ", ExplainInvalidJson(json, error)));
  }
  if (!field.value.is_object()) RefuseValue(field, "an object");
  return field;
}

std::vector<JsonMember> ReadMembers(const JsonField& object,
                                    std::span<const std::string_view> names,
                                    std::vector<JsonField>* others) {
  simdjson::dom::object object_value;
  if (object.value.get(object_value)) RefuseValue(object, "an object");
  std::vector<JsonMember> members(names.size());
  std::vector<std::string_view> other_names;
  const auto refuse_twice = [&](std::string_view name) {
    RefuseField(object.Member(name, {}), "the field comes twice");
  };
  for (const auto [name, value] : object_value) {
    const size_t index = size_t(std::find(names.begin(), names.end(), name) - names.begin());
    if (index < names.size()) {
      if (members[index].present) refuse_twice(name);
      members[index] = {true, object.Member(name, value)};
    } else {
      other_names.push_back(name);
      if (others) others->push_back(object.Member(name, value));
    }
  }
  // Sorted, since an object may have a million members.
  std::sort(other_names.begin(), other_names.end());
  const auto twice = std::adjacent_find(other_names.begin(), other_names.end());
  if (twice != other_names.end()) refuse_twice(*twice);
  return members;
}

const JsonField& Required(const JsonMember& member, std::string_view name,
                          const JsonField& object) {
  if (!member.present) RefuseField(object, StrCat("the field \"", name, "\" is missing"));
  return member.field;
}

std::string ReadString(const JsonField& field) {
  std::string_view text;
  if (field.value.get(text)) RefuseValue(field, "a string");
  // An escaped lone surrogate is valid JSON but not valid text.
  if (FindInvalidUtf8(text)) RefuseValue(field, "text of whole Unicode characters");
  return std::string(text);
}

bool ReadBool(const JsonField& field) {
  bool value = false;
  if (field.value.get(value)) RefuseValue(field, "true or false");
  return value;
}

int64_t ReadInt(const JsonField& field) {
  int64_t value = 0;
  if (field.value.get(value)) RefuseValue(field, "a whole number");
  return value;
}

double ReadNumber(const JsonField& field) {
  double value = 0;
  if (field.value.get(value)) RefuseValue(field, "a number");
  return value;
}

simdjson::dom::array ReadArray(const JsonField& field) {
  simdjson::dom::array array;
  if (field.value.get(array)) RefuseValue(field, "an array");
  return array;
}

std::string ReadJson(const JsonField& field) {
  std::string json(simdjson::minify(field.value));
  if (FindInvalidUtf8(json)) RefuseField(field, "expected text of whole Unicode characters");
  return json;
}

bool JsonLines::Next(JsonField* object) {
  std::string_view line;
  while (lines_.Next(&line)) {
    if (IsBlank(line)) continue;
    where_ = Where();
    *object = ParseJsonObject(line, where_, &parser_);
    return true;
  }
  return false;
}

std::string JsonLines::Where() const { return StrCat(lines_.name(), ":", lines_.line_number()); }

}  // namespace prm
