#include "data/io/json_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "tests/error_of.h"

namespace prm {
namespace {

std::string Quoted(std::string_view text) {
  std::string json;
  AppendJsonString(text, &json);
  return json;
}

template <class Number>
std::string Written(Number number) {
  std::string json;
  AppendJsonNumber(number, &json);
  return json;
}

TEST(AppendJsonString, EveryCharacterReadsBack) {
  std::string text;
  for (int byte = 0; byte < 128; ++byte) text += char(byte);
  text += "é ки 😀 \xe2\x80\xa8";
  const std::string json = Quoted(text);
  EXPECT_EQ(nlohmann::json::parse(json).get<std::string>(), text);
  for (const char c : json)
    EXPECT_GE(static_cast<unsigned char>(c), 0x20) << "one line, no controls";
}

TEST(AppendJsonString, RefusesWhatIsNotUtf8ByItsByte) {
  for (const char* text : {"ab\xff", "ab\xed\xa0\x80", "ab\xc3"}) {
    EXPECT_EQ(MessageOf([&] { Quoted(text); }), "not UTF-8 at byte 2");
  }
}

TEST(AppendJsonNumber, IsTheShortestTextThatReadsBack) {
  EXPECT_EQ(Written(0.9f), "0.9");
  EXPECT_EQ(Written(0.1), "0.1");
  EXPECT_EQ(Written(0.1f + 0.0), "0.10000000149011612");
  EXPECT_EQ(Written(1.0f), "1");
  for (const float number : {1e-30f, 0.333333343f, std::nextafter(1.0f, 0.0f)}) {
    EXPECT_EQ(std::stof(Written(number)), number);
  }
}

TEST(AppendJsonNumber, RefusesWhatJsonCannotSay) {
  EXPECT_THROW(Written(std::nan("")), Error);
  EXPECT_THROW(Written(std::numeric_limits<float>::infinity()), Error);
}

}  // namespace
}  // namespace prm
