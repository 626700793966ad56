#include "data/text/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace prm {
namespace {

TEST(Utf8, EveryCodePointSurvivesEncodingAndDecoding) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    AppendUtf8(c, &text);
    ASSERT_EQ(FindInvalidUtf8(text), std::nullopt) << static_cast<uint32_t>(c);
    const Utf8Char decoded = DecodeUtf8(text.data());
    ASSERT_EQ(decoded.code_point, c);
    ASSERT_EQ(decoded.size_bytes, text.size());
  }
}

TEST(Utf8, FindsTheFirstInvalidByte) {
  const std::string head = "a\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80";  // 10 valid bytes
  for (const std::string bad : {
           "\x80",              // a single continuation byte
           "\xC0\xAF",          // overlong
           "\xC1\xBF",          // overlong
           "\xC3",              // cut off
           "\xC3(",             // no continuation
           "\xE0\x9F\xBF",      // overlong
           "\xE6\xBC",          // cut off
           "\xED\xA0\x80",      // a surrogate
           "\xF0\x8F\xBF\xBF",  // overlong
           "\xF0\x9F\x98",      // cut off
           "\xF4\x90\x80\x80",  // above U+10FFFF
           "\xF5\x80\x80\x80",
           "\xFF",
       }) {
    EXPECT_EQ(FindInvalidUtf8(head + bad), head.size()) << bad;
    EXPECT_EQ(FindInvalidUtf8(head + bad + " and a tail that is long enough for vectors " + head),
              head.size());
  }
  EXPECT_EQ(FindInvalidUtf8(head), std::nullopt);
  EXPECT_EQ(FindInvalidUtf8(""), std::nullopt);
  EXPECT_EQ(FindInvalidUtf8(std::string_view("a\0b", 3)), std::nullopt);
}

}  // namespace
}  // namespace prm
