// Decodes and encodes UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace prm {

// Byte offset of the first invalid UTF-8 sequence, or nullopt.
std::optional<size_t> FindInvalidUtf8(std::string_view text);

// One code point and its length in bytes, 1 to 4.
struct Utf8Char {
  char32_t code_point;
  uint32_t size_bytes;
};

// Decodes the character at `at`, inside text that FindInvalidUtf8 accepts.
inline Utf8Char DecodeUtf8(const char* at) {
  const auto* p = reinterpret_cast<const unsigned char*>(at);
  if (p[0] < 0x80) return {p[0], 1};
  if (p[0] < 0xE0) return {((p[0] & 0x1Fu) << 6) | (p[1] & 0x3Fu), 2};
  if (p[0] < 0xF0) return {((p[0] & 0x0Fu) << 12) | ((p[1] & 0x3Fu) << 6) | (p[2] & 0x3Fu), 3};
  return {((p[0] & 0x07u) << 18) | ((p[1] & 0x3Fu) << 12) | ((p[2] & 0x3Fu) << 6) | (p[3] & 0x3Fu),
          4};
}

// Appends `code_point`, at most U+10FFFF.
void AppendUtf8(char32_t code_point, std::string* out);

}  // namespace prm
