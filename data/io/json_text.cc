#include "data/io/json_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "data/error.h"
#include "data/text/ascii.h"
#include "data/text/utf8.h"

namespace prm {
namespace {

bool NeedsEscape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

void AppendEscaped(char c, std::string* json) {
  switch (c) {
    case '"':
      json->append("\\\"");
      return;
    case '\\':
      json->append("\\\\");
      return;
    case '\n':
      json->append("\\n");
      return;
    case '\t':
      json->append("\\t");
      return;
    case '\r':
      json->append("\\r");
      return;
    default:
      break;
  }
  json->append("\\u00" + HexOf({&c, 1}));
}

template <class Number>
void AppendNumber(Number number, std::string* json) {
  if (!std::isfinite(number)) {
    throw Error(ErrorCode::kInternal, StrCat("the number ", number, " cannot be written as JSON"));
  }
  std::array<char, 32> text;
  const auto result = std::to_chars(text.data(), text.data() + text.size(), number);
  json->append(text.data(), result.ptr);
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* json) {
  if (const std::optional<size_t> offset = FindInvalidUtf8(text)) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("not UTF-8 at byte ", *offset));
  }
  json->push_back('"');
  // Text that needs no escape is copied in runs.
  while (!text.empty()) {
    const auto special = std::find_if(text.begin(), text.end(), NeedsEscape);
    json->append(text.begin(), special);
    if (special == text.end()) break;
    AppendEscaped(*special, json);
    text.remove_prefix(size_t(special - text.begin()) + 1);
  }
  json->push_back('"');
}

void AppendJsonNumber(double number, std::string* json) { AppendNumber(number, json); }
void AppendJsonNumber(float number, std::string* json) { AppendNumber(number, json); }

int JsonDepth(std::string_view json) {
  int depth = 0, deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return deepest;
}

}  // namespace prm
