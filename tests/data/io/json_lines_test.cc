#include "data/io/json_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/error.h"
#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

std::string MessageFor(std::string_view json) {
  simdjson::dom::parser parser;
  return MessageOf([&] { ParseJsonObject(json, "in:7", &parser); }, ErrorCode::kInvalidArgument);
}

TEST(ParseJsonObject, SaysWhereAndWhyTextIsNoJson) {
  EXPECT_THAT(MessageFor(R"({"a": [1, 2)"), HasSubstr("in:7: not valid JSON at byte 11"));
  EXPECT_THAT(MessageFor(R"({"a": NaN})"), HasSubstr("at byte 6"));
  EXPECT_THAT(MessageFor("{\"a\": \"\xff\"}"), HasSubstr("in:7: not UTF-8 at byte 7"));
  EXPECT_THAT(MessageFor(R"({"a": 123456789012345678901})"), HasSubstr("does not fit"));
  EXPECT_THAT(MessageFor(R"({"a": "\ud800"})"), HasSubstr("surrogate"));
  EXPECT_THAT(MessageFor("{} {}"), HasSubstr("in:7: not valid JSON"));
  EXPECT_THAT(MessageFor(""), HasSubstr("in:7: not valid JSON"));
  EXPECT_EQ(MessageFor("[1]"), "in:7: expected an object, got [1]");
}

TEST(ParseJsonObject, DepthIsLimited) {
  EXPECT_THAT(MessageFor("{\"a\":" + std::string(100000, '[')), HasSubstr("in:7: not valid JSON"));
}

TEST(ParseJsonObject, LongValuesAreClippedBetweenCharacters) {
  std::string list = "[\"";
  for (int i = 0; i < 1000; ++i) list += "é";
  const std::string message = MessageFor(list + "\"]");
  EXPECT_LT(message.size(), 120u);
  EXPECT_THAT(message, HasSubstr("é..."));
}

TEST(ReadMembers, TellsAbsentNullAndOthersApart) {
  simdjson::dom::parser parser;
  const JsonField object = ParseJsonObject(R"({"b": null, "x": 1, "a": 2})", "in:7", &parser);
  const std::vector<std::string_view> names = {"a", "b", "c"};
  std::vector<JsonField> others;
  const std::vector<JsonMember> members = ReadMembers(object, names, &others);
  EXPECT_TRUE(members[0].has_value());
  EXPECT_TRUE(members[1].present);
  EXPECT_FALSE(members[1].has_value());
  EXPECT_FALSE(members[2].present);
  ASSERT_EQ(others.size(), 1u);
  EXPECT_EQ(others[0].path, "x");
}

TEST(ReadMembers, ANameThatComesTwiceIsRefused) {
  for (const char* json : {R"({"a": 1, "a": 1})", R"({"x": 1, "x": 1})"}) {
    simdjson::dom::parser parser;
    const JsonField object = ParseJsonObject(json, "in:7", &parser);
    const std::vector<std::string_view> names = {"a"};
    EXPECT_THROW(ReadMembers(object, names, nullptr), Error) << json;
  }
}

TEST(JsonLines, SkipsBlankLinesAndGoesOnAfterAnError) {
  const TempFolder folder;
  JsonLines lines(folder.Write("in", "{\"a\":1}\n \r\nbroken\n{\"a\":2}"));
  JsonField object;
  ASSERT_TRUE(lines.Next(&object));
  EXPECT_EQ(lines.Where(), (folder / "in").string() + ":1");
  EXPECT_THROW(lines.Next(&object), Error);
  ASSERT_TRUE(lines.Next(&object));
  EXPECT_EQ(object.where, (folder / "in").string() + ":4");
  EXPECT_EQ(ReadInt(object.Member("a", object.value["a"].value())), 2);
  EXPECT_FALSE(lines.Next(&object));
}

}  // namespace
}  // namespace prm
