#include "data/pretokenizers/byte_level.h"

#include <array>
#include <cstdint>

#include "data/text/utf8.h"

namespace prm {
namespace {

constexpr size_t kSpelled = 324;  // 256 bytes, of which 68 map to U+0100..U+0143

bool IsPrintable(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

struct Alphabet {
  std::array<char32_t, 256> code_point_of;
  std::array<int16_t, kSpelled> byte_of;

  Alphabet() {
    byte_of.fill(-1);
    char32_t moved = 256;
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t c = IsPrintable(byte) ? static_cast<char32_t>(byte) : moved++;
      code_point_of[byte] = c;
      byte_of[c] = static_cast<int16_t>(byte);
    }
  }
};

const Alphabet& TheAlphabet() {
  static const Alphabet alphabet;
  return alphabet;
}

}  // namespace

std::string ByteLevelText(std::string_view bytes) {
  const Alphabet& alphabet = TheAlphabet();
  std::string text;
  for (const char byte : bytes) {
    AppendUtf8(alphabet.code_point_of[static_cast<unsigned char>(byte)], &text);
  }
  return text;
}

std::optional<std::string> ByteLevelBytes(std::string_view text) {
  if (FindInvalidUtf8(text)) return std::nullopt;
  const Alphabet& alphabet = TheAlphabet();
  std::string bytes;
  size_t at = 0;
  while (at < text.size()) {
    const Utf8Char c = DecodeUtf8(text.data() + at);
    if (c.code_point >= kSpelled || alphabet.byte_of[c.code_point] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(alphabet.byte_of[c.code_point]));
    at += c.size_bytes;
  }
  return bytes;
}

}  // namespace prm
