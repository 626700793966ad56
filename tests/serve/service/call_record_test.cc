#include "serve/service/call_record.h"

#include <gtest/gtest.h>

namespace prm {
namespace {

TEST(FormatCall, IsOneLineOfKeysAndValues) {
  CallRecord record{.id = 7,
                    .traces = 3,
                    .failed_traces = 1,
                    .tokens = 120,
                    .queue_us = 5,
                    .compute_us = 900,
                    .total_us = 1000};
  EXPECT_EQ(FormatCall(record),
            "event=call id=7 traces=3 failed=1 tokens=120 queue_us=5 compute_us=900 total_us=1000 "
            "status=OK");
  record.event = "stream";
  EXPECT_TRUE(FormatCall(record).starts_with("event=stream id=7 "));
}

TEST(FormatCall, QuotesTextSoThatALineStaysALine) {
  CallRecord record;
  record.error = Error(ErrorCode::kInvalidArgument, "trace \"a\"\nb: bad");
  const std::string line = FormatCall(record);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_TRUE(line.ends_with(R"(status=INVALID_ARGUMENT error="trace \"a\"\nb: bad")")) << line;
}

}  // namespace
}  // namespace prm
