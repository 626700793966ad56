#include "data/records/score_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/records/score_lines.h"
#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ScoreOutput, WritesItsLinesWithFinishOnly) {
  const TempFolder folder;
  const auto path = folder.Write("scores.jsonl", "before");
  const ScoreLine line = MakeScoreLine("a", TraceScores{{0.5f}, {}}, 0.5);
  {
    ScoreOutput out(path);
    out.Write(line);
  }
  EXPECT_EQ(ReadText(path), "before");
  ScoreOutput out(path);
  out.Write(line);
  out.Finish();
  EXPECT_EQ(ReadText(path), ScoreLineToJson(line) + "\n");
}

TEST(ScoreOutput, ATraceWithoutScoresIsAnErrorAfterAllLinesAreWritten) {
  const TempFolder folder;
  const auto path = folder / "scores.jsonl";
  ScoreOutput out(path);
  out.Write(MakeErrorLine("a", Error(ErrorCode::kInvalidArgument, "too long")));
  out.Write(MakeScoreLine("b", TraceScores{{0.5f}, {}}, 0.5));
  EXPECT_THAT(MessageOf([&] { out.Finish(); }, ErrorCode::kInvalidArgument),
              AllOf(HasSubstr("1 of 2 traces"), HasSubstr(path.string())));
  EXPECT_THAT(ReadText(path), AllOf(HasSubstr("too long"), HasSubstr("\"b\"")));
}

}  // namespace
}  // namespace prm
