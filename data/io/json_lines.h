// Typed reading of JSON lines, with errors by file, line and field. Include it only in .cc files of
// readers: a field holds simdjson's element by value (two words), which needs its header. A pointer
// would cost an allocation per field of each row.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/io/text_io.h"

namespace prm {

using JsonElement = simdjson::dom::element;

// A value and its location for messages: "train.jsonl:17" and "labels[3]".
struct JsonField {
  std::string_view where;  // must outlive the field
  std::string path;        // empty: the whole line
  JsonElement value;

  JsonField Item(size_t index, JsonElement item) const;
  JsonField Member(std::string_view name, JsonElement member) const;
};

// Throws Error(kInvalidArgument) "where: path: what".
[[noreturn]] void RefuseField(const JsonField& field, const std::string& what);
// Throws Error(kInvalidArgument) "where: path: expected `expected`, got <the value, clipped>".
[[noreturn]] void RefuseValue(const JsonField& field, const std::string& expected);

// Parses one JSON object; the result is valid until the parser's next use. Throws
// Error(kInvalidArgument) "where: not valid JSON: cause with its byte".
JsonField ParseJsonObject(std::string_view json, std::string_view where,
                          simdjson::dom::parser* parser);

// The members of `object` named in `names`, in that order; `present` distinguishes absent from
// null. Members not in `names` go to `*others` (nullptr: ignored). A repeated name is refused.
struct JsonMember {
  bool present = false;
  JsonField field;
  // Present and not null.
  bool has_value() const { return present && !field.value.is_null(); }
};
std::vector<JsonMember> ReadMembers(const JsonField& object,
                                    std::span<const std::string_view> names,
                                    std::vector<JsonField>* others);

// Refuses an absent or null member.
const JsonField& Required(const JsonMember& member, std::string_view name, const JsonField& object);

std::string ReadString(const JsonField& field);
bool ReadBool(const JsonField& field);
int64_t ReadInt(const JsonField& field);
double ReadNumber(const JsonField& field);
simdjson::dom::array ReadArray(const JsonField& field);
// The value as JSON text without white space. Refuses text with half a surrogate pair.
std::string ReadJson(const JsonField& field);

// The lines of a file as objects; blank lines are skipped.
class JsonLines {
 public:
  explicit JsonLines(const std::filesystem::path& path) : lines_(path) {}
  // Returns false at the end. `*object` is valid until the next call.
  bool Next(JsonField* object);
  // "train.jsonl:17".
  std::string Where() const;

 private:
  LineReader lines_;
  std::string where_;
  simdjson::dom::parser parser_;
};

}  // namespace prm
