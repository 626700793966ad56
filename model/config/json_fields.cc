#include "model/config/json_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/io/json_text.h"
#include "data/io/text_io.h"

namespace prm {
namespace {

using nlohmann::json;

constexpr size_t kShownBytes = 80;
constexpr uint64_t kMaxFileBytes = uint64_t{256} << 20;
constexpr int kMaxDepth = 200;

// The value as in the file, shortened for a message.
std::string Shown(const json& value) {
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kShownBytes) text = text.substr(0, kShownBytes) + "...";
  return text;
}

std::string Range(std::string_view kind, auto min, auto max) {
  return StrCat(kind, " in [", min, ", ", max, "]");
}

bool IsIntIn(const json& value, int64_t min, int64_t max) {
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX}) return false;
  const int64_t number = value.get<int64_t>();
  return number >= min && number <= max;
}

}  // namespace

std::string ReadJsonText(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::exists(file, error) && !std::filesystem::is_regular_file(file, error)) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(file.string(), ": not a regular file; expected JSON"));
  }
  return ReadFile(file, kMaxFileBytes);
}

json ParseJson(std::string_view text, std::string_view where) {
  if (const int depth = JsonDepth(text); depth > kMaxDepth) {
    throw Error(ErrorCode::kInvalidArgument, StrCat(where, ": JSON nested ", depth,
                                                    " levels deep; expected at most ", kMaxDepth));
  }
  try {
    return json::parse(text);
  } catch (const json::exception& error) {
    throw Error(ErrorCode::kInvalidArgument, StrCat(where, ": not valid JSON: ", error.what()));
  }
}

JsonFields::JsonFields(const json& object, std::string where)
    : object_(object), where_(std::move(where)) {
  if (!object.is_object()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(where_, ": ", Shown(object), "; expected a JSON object"));
  }
}

const json* JsonFields::Find(std::string_view key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool JsonFields::IsNull(std::string_view key) const {
  const auto found = object_.find(key);
  return found != object_.end() && found->is_null();
}

void JsonFields::Fail(std::string_view key, std::string_view expected) const {
  const json* value = Find(key);
  throw Error(ErrorCode::kInvalidArgument,
              StrCat(where_, ": field '", key, "' is ", value ? Shown(*value) : "missing",
                     "; expected ", expected));
}

const json& JsonFields::Need(std::string_view key, std::string_view expected) const {
  const json* value = Find(key);
  if (value == nullptr) Fail(key, expected);
  return *value;
}

int64_t JsonFields::Int(std::string_view key, int64_t min, int64_t max) const {
  const json* value = Find(key);
  if (value == nullptr || !IsIntIn(*value, min, max)) Fail(key, Range("an integer", min, max));
  return value->get<int64_t>();
}

int64_t JsonFields::Int(std::string_view key, int64_t min, int64_t max, int64_t fallback) const {
  return Has(key) ? Int(key, min, max) : fallback;
}

double JsonFields::Number(std::string_view key, double min, double max) const {
  const json* value = Find(key);
  const bool good = value != nullptr && value->is_number() && value->get<double>() >= min &&
                    value->get<double>() <= max;
  if (!good) Fail(key, Range("a number", min, max));
  return value->get<double>();
}

double JsonFields::Number(std::string_view key, double min, double max, double fallback) const {
  return Has(key) ? Number(key, min, max) : fallback;
}

bool JsonFields::Bool(std::string_view key, bool fallback) const {
  const json* value = Find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) Fail(key, "true or false");
  return value->get<bool>();
}

std::string JsonFields::String(std::string_view key) const {
  const json& value = Need(key, "a string");
  if (!value.is_string()) Fail(key, "a string");
  return value.get<std::string>();
}

const json& JsonFields::Array(std::string_view key) const {
  const json& value = Need(key, "an array");
  if (!value.is_array()) Fail(key, "an array");
  return value;
}

std::vector<int32_t> JsonFields::Ints(std::string_view key, int32_t min, int32_t max) const {
  const json& array = Array(key);
  if (!std::ranges::all_of(array, [&](const json& v) { return IsIntIn(v, min, max); })) {
    Fail(key, Range("an array of integers", min, max));
  }
  return array.get<std::vector<int32_t>>();
}

JsonFields JsonFields::Object(std::string_view key) const {
  return JsonFields(Need(key, "an object"), StrCat(where_, ": field '", key, "'"));
}

void JsonFields::RefuseOthers(std::initializer_list<std::string_view> known) const {
  for (const auto& item : object_.items()) {
    if (std::ranges::find(known, item.key()) != known.end()) continue;
    std::string names;
    for (const std::string_view name : known)
      names += (names.empty() ? "" : ", ") + std::string(name);
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(where_, ": unknown field '", item.key(), "'; expected ", names));
  }
}

}  // namespace prm
