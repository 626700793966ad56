#include "data/io/json_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/error.h"
#include "data/io/json_lines.h"
#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The content of each row, "where=value of a"; refused rows as "where!".
std::vector<std::string> Rows(std::string_view text) {
  const TempFolder folder;
  JsonRows rows(folder.Write("f", text));
  std::vector<std::string> found;
  for (JsonField object;;) {
    std::string entry;
    try {
      if (!rows.Next(&object)) return found;
      entry = "=" + std::to_string(int64_t(object.value["a"]));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kInvalidArgument) throw;
      entry = "!";
    }
    found.push_back(rows.where().substr(rows.where().rfind('/') + 1) + entry);
  }
}

TEST(JsonRows, ReadsLinesAndSkipsBlankOnes) {
  EXPECT_THAT(Rows("{\"a\":1}\n\n  \n{\"a\":2}"), ElementsAre("f:1=1", "f:4=2"));
  EXPECT_THAT(Rows(""), ElementsAre());
  EXPECT_THAT(Rows("\n \n"), ElementsAre());
}

TEST(JsonRows, LinesMayEndInCrLfOrCr) {
  EXPECT_THAT(Rows("{\"a\":1}\r\n{\"a\":2}\r\n"), ElementsAre("f:1=1", "f:2=2"));
  EXPECT_THAT(Rows("{\"a\":1}\r{\"a\":2}\r\r{\"a\":3}\r"), ElementsAre("f:1=1", "f:2=2", "f:4=3"));
}

TEST(JsonRows, DropsAByteOrderMarkAndRefusesWideText) {
  EXPECT_THAT(Rows("\xef\xbb\xbf{\"a\":1}\n"), ElementsAre("f:1=1"));
  using std::string_view_literals::operator""sv;
  EXPECT_THAT(MessageOf([] { Rows("\xff\xfe{\0\"\0"sv); }, ErrorCode::kInvalidArgument),
              HasSubstr("UTF-16"));
  EXPECT_THAT(MessageOf([] { Rows("\0\0\xfe\xff"sv); }, ErrorCode::kInvalidArgument),
              HasSubstr("UTF-32"));
}

TEST(JsonRows, ABadLineIsRefusedAloneWhateverItsBrackets) {
  EXPECT_THAT(Rows("{\"a\":1}\n{\"a\":\n{\"a\":3}\n}]\nnull\n{\"a\":6} {\"a\":7}\n{\"a\":8}\n"),
              ElementsAre("f:1=1", "f:2!", "f:3=3", "f:4!", "f:5!", "f:6!", "f:7=8"));
  EXPECT_THAT(Rows("{\"a\": tru\n{\"a\":2}\n"), ElementsAre("f:1!", "f:2=2"));
}

TEST(JsonRows, ReadsAnArrayThatIsTheWholeFile) {
  EXPECT_THAT(Rows("[{\"a\":1},{\"a\":2}]"), ElementsAre("f:1[0]=1", "f:1[1]=2"));
  EXPECT_THAT(Rows(" [\n {\"a\": 1,\n \"b\": \"]},\\\"{\"},\n {\"a\": 2} ]\n"),
              ElementsAre("f:2[0]=1", "f:4[1]=2"));
  EXPECT_THAT(Rows("[]"), ElementsAre());
  EXPECT_THAT(Rows("[{\"a\":1}, 17, [2], {\"a\":x}, {\"a\":2}]"),
              ElementsAre("f:1[0]=1", "f:1[1]!", "f:1[2]!", "f:1[3]!", "f:1[4]=2"));
}

TEST(JsonRows, AnArrayThatIsCutOffOrNoListOfItemsIsAnError) {
  EXPECT_THAT(MessageOf([] { Rows("[{\"a\":1}"); }, ErrorCode::kDataLoss),
              HasSubstr("the end of the file"));
  EXPECT_THAT(MessageOf([] { Rows("[{\"a\":1},"); }, ErrorCode::kDataLoss),
              HasSubstr("another item"));
  EXPECT_THAT(MessageOf([] { Rows("[{\"a\":1} {\"a\":2}]"); }, ErrorCode::kDataLoss),
              HasSubstr("a comma"));
  EXPECT_THAT(MessageOf([] { Rows("[{\"a\":1}] {}"); }, ErrorCode::kDataLoss),
              HasSubstr("after the end"));
}

TEST(JsonRows, ReadsObjectsOverSeveralLines) {
  EXPECT_THAT(Rows("{\n \"a\": 1\n}\n{\n \"a\": 2\n}"), ElementsAre("f:1=1", "f:4=2"));
  EXPECT_THAT(Rows("{ \"a\": 1,\n \"b\": \"}\\\"\"}\n\n{\"a\": 2}"), ElementsAre("f:1=1", "f:4=2"));
  EXPECT_THAT(Rows("{\n \"a\": x\n}\n{\n \"a\": 2\n}"), ElementsAre("f:1!", "f:4=2"));
}

TEST(JsonRows, RowsMayBeLongerThanAnyBuffer) {
  const std::string filler(3 << 20, 'x');
  const std::string row = "{\"a\":1,\"b\":\"" + filler + "\"}";
  EXPECT_THAT(Rows(row + "\n" + row), ElementsAre("f:1=1", "f:2=1"));
  EXPECT_THAT(Rows("[" + row + "," + row + "]"), ElementsAre("f:1[0]=1", "f:1[1]=1"));
  EXPECT_THAT(Rows("{\n" + row.substr(1) + "\n" + row), ElementsAre("f:1=1", "f:3=1"));
}

TEST(JsonRows, BracketsNestedDeepAreRefusedAlone) {
  const std::string deep = "{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}";
  EXPECT_THAT(Rows(deep + "\n{\"a\":2}\n"), ElementsAre("f:1!", "f:2=2"));
  EXPECT_THAT(Rows("[" + deep + ",{\"a\":2}]"), ElementsAre("f:1[0]!", "f:1[1]=2"));
  EXPECT_THAT(Rows("{\"a\":" + std::string(100000, '[') + "\n{\"a\":2}\n").back(), "f:1!")
      << "an open bracket at the end of a line begins an object over several lines";
}

TEST(JsonRows, TheEndStaysTheEnd) {
  const TempFolder folder;
  for (const char* text : {"[{\"a\":1}]", "[]", "[{\"a\":1},]\n", "{\"a\":1}\n", "{\n\"a\":1\n}"}) {
    JsonRows rows(folder.Write("f", text));
    JsonField object;
    while (rows.Next(&object)) {
    }
    EXPECT_FALSE(rows.Next(&object)) << text;
    EXPECT_FALSE(rows.Next(&object)) << text;
  }
}

}  // namespace
}  // namespace prm
