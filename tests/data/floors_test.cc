#include "data/floors.h"

#include <gtest/gtest.h>

#include "data/trace_reader.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

// Errors are the long steps; the text says nothing.
std::vector<Trace> LongStepsAreWrong(int count, size_t shift) {
  std::vector<Trace> traces;
  for (int i = 0; i < count; ++i) {
    Trace trace;
    trace.problem = "p";
    for (int s = 0; s < 4; ++s) {
      const size_t length = 5 + (size_t(i * 7 + s * 11) + shift) % 60;
      const StepLabel label = length > 40 ? StepLabel::kIncorrect : StepLabel::kCorrectNecessary;
      trace.steps.push_back({std::string(length, 'x'), label, {}});
    }
    traces.push_back(trace);
  }
  return traces;
}

TEST(TextFreeFloors, FindWhatLengthGivesAway) {
  const Floors floors = TextFreeFloors(LongStepsAreWrong(50, 0), LongStepsAreWrong(50, 3));
  EXPECT_GT(*floors.online_auroc, 0.98);
  EXPECT_GT(*floors.whole_auroc, 0.98);
}

TEST(TextFreeFloors, AreUndefinedWithoutBothClasses) {
  std::vector<Trace> all_right = LongStepsAreWrong(5, 0);
  for (Trace& t : all_right) {
    for (Step& s : t.steps) s.label = StepLabel::kCorrectNecessary;
  }
  EXPECT_FALSE(TextFreeFloors(all_right, LongStepsAreWrong(5, 0)).online_auroc);
  EXPECT_FALSE(TextFreeFloors(LongStepsAreWrong(5, 0), all_right).whole_auroc);
}

TEST(TextFreeFloors, AreNearTheKnownOnesOnRealData) {
  PRM_NEED_SHARED_DATA("steps/train.jsonl.xz");
  const auto train = ReadTraces(SharedData() / "steps/train.jsonl.xz");
  const Floors floors = TextFreeFloors(train, ReadTraces(SharedData() / "steps/dev.jsonl.xz"));
  EXPECT_NEAR(*floors.online_auroc, 0.64, 0.015);
  EXPECT_NEAR(*floors.whole_auroc, 0.71, 0.015);
}

TEST(TextFreeFloors, TransferToAnotherSource) {
  PRM_NEED_SHARED_DATA("steps/public_test_processbench_gsm8k.jsonl.xz");
  const auto train = ReadTraces(SharedData() / "steps/train.jsonl.xz");
  const Floors floors = TextFreeFloors(
      train, ReadTraces(SharedData() / "steps/public_test_processbench_gsm8k.jsonl.xz"));
  EXPECT_GT(*floors.online_auroc, 0.68);
}

}  // namespace
}  // namespace prm
