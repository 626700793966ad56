#include "data/json_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "data/error.h"
#include "data/tokenizer.h"

namespace prm {
namespace {

void AppendEscaped(unsigned char byte, std::string* json) {
  switch (byte) {
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
  if (byte >= 0x20) {
    json->push_back(char(byte));
    return;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  json->append("\\u00");
  json->push_back(kHex[byte >> 4]);
  json->push_back(kHex[byte & 15]);
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
  for (const char c : text) AppendEscaped(static_cast<unsigned char>(c), json);
  json->push_back('"');
}

void AppendJsonNumber(double number, std::string* json) { AppendNumber(number, json); }
void AppendJsonNumber(float number, std::string* json) { AppendNumber(number, json); }

}  // namespace prm
