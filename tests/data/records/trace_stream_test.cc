#include "data/records/trace_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "data/error.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

std::string Line(int id) {
  return R"({"id":")" + std::to_string(id) + R"(","problem":"p","steps":["s"]})";
}

TEST(TraceStream, ResultsComeInTheOrderOfTheFileWithTheirLines) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "  " + Line(i) + (i % 7 ? "\n" : "\r\n\n");
  const auto in = folder.Write("in.jsonl", text);
  for (const int threads : {1, 2, 7}) {
    int next = 0;
    ForEachTrace(
        in, threads, [](const Trace& trace) { return std::stoi(trace.id); },
        [&](int id, const TraceLine& line) {
          ASSERT_EQ(id, next);
          ASSERT_THAT(line.bytes, HasSubstr(Line(next)));
          ++next;
        },
        [](const std::string& message) { FAIL() << message; });
    EXPECT_EQ(next, 5000);
  }
}

TEST(TraceStream, RefusedLinesAreNamedAndTheRestGoesOn) {
  const TempFolder folder;
  const auto in = folder.Write("in.jsonl", Line(0) + "\n{\n" + Line(1) + "\n[]\n" + Line(2));
  int traces = 0;
  RefusedLines refused;
  ForEachTrace(
      in, 2, [](const Trace&) { return 0; }, [&](int, const TraceLine&) { ++traces; },
      [&](const std::string& message) { refused.Add(message); });
  EXPECT_EQ(traces, 3);
  EXPECT_EQ(refused.count, 2);
  EXPECT_THAT(refused.messages.at(0), HasSubstr("in.jsonl:2:"));
  EXPECT_THAT(refused.messages.at(1), HasSubstr("in.jsonl:4:"));
}

// What `fault` throws for trace "1" of three lines, one of them invalid, and the numbers of traces
// and refusals.
struct Streamed {
  std::string thrown;
  int traces = 0;
  int64_t refused = 0;
};
Streamed StreamWith(void (*fault)()) {
  const TempFolder folder;
  const auto in = folder.Write("in.jsonl", Line(0) + "\n{\n" + Line(1) + "\n" + Line(2) + "\n");
  Streamed run;
  try {
    ForEachTrace(
        in, 2,
        [&](const Trace& trace) {
          if (trace.id == "1") fault();
          return 0;
        },
        [&](int, const TraceLine&) { ++run.traces; }, [&](const std::string&) { ++run.refused; });
  } catch (const std::exception& error) {
    run.thrown = error.what();
  }
  return run;
}

TEST(TraceStream, AnErrorOfTheAnalysisIsNoBadLineAndEndsTheWork) {
  const Streamed of_library =
      StreamWith([] { throw Error(ErrorCode::kInternal, "a planted internal error"); });
  EXPECT_EQ(of_library.thrown, "a planted internal error");
  EXPECT_EQ(of_library.traces, 1);
  EXPECT_EQ(of_library.refused, 1);
  const Streamed of_other = StreamWith([] { throw std::runtime_error("our own bug"); });
  EXPECT_EQ(of_other.thrown, "our own bug");
  EXPECT_EQ(of_other.refused, 1);
}

TEST(TraceStream, KeepsTheFirstMessagesOnly) {
  RefusedLines refused;
  for (int i = 0; i < 100; ++i) refused.Add(std::to_string(i));
  EXPECT_EQ(refused.count, 100);
  EXPECT_EQ(refused.messages.size(), RefusedLines::kMaxMessages);
}

}  // namespace
}  // namespace prm
