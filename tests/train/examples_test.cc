#include "train/examples.h"

#include <gtest/gtest.h>

#include "data/error.h"
#include "tests/byte_tokenizer.h"
#include "tests/error_of.h"

namespace prm {
namespace {

const StepFormat kFormat = NewlineFormat(ByteTokenizer(), false);

Trace MakeTrace() {
  Trace t;
  t.id = "p1/0";
  t.problem = "1+1?";
  t.steps = {{"two", StepLabel::kCorrectNecessary, {}},
             {"no", StepLabel::kIncorrect, 0.25f},
             {"so", {}, 0.5f}};
  return t;
}

std::vector<Example> Make(const Trace& trace, const ExampleOptions& options,
                          ExampleCounts* counts) {
  return MakeExamples({&trace, 1}, kFormat, ByteTokenizer(), options, counts);
}

TEST(MakeExamples, EachReadCarriesTheAdmissibleLabelsOfItsStep) {
  ExampleCounts counts;
  Trace trace = MakeTrace();
  trace.necessity_known = false;
  const auto examples = Make(trace, {}, &counts);
  ASSERT_EQ(examples.size(), 1u);
  ASSERT_EQ(examples[0].targets.size(), 3u);
  EXPECT_EQ(examples[0].targets[0].labels, LabelSet::Correct());
  EXPECT_EQ(examples[0].targets[1].labels, LabelSet(StepLabel::kIncorrect));
  EXPECT_FALSE(examples[0].targets[2].counts());
  EXPECT_EQ(counts.labelled_steps, 2);
  EXPECT_EQ(counts.tokens, int64_t(examples[0].tokens.ids.size()));
}

TEST(MakeExamples, SoftValuesAndStepsAfterTheFirstErrorCountOnlyWhenAskedFor) {
  ExampleCounts counts;
  ExampleOptions soft;
  soft.use_soft = true;
  const auto with_soft = Make(MakeTrace(), soft, &counts);
  EXPECT_EQ(with_soft[0].targets[2].soft, 0.5f);
  EXPECT_FALSE(with_soft[0].targets[1].soft) << "a label wins over a soft value";
  ExampleOptions negative;
  negative.negative_after_first_error = true;
  EXPECT_EQ(Make(MakeTrace(), negative, &counts)[0].targets[2].labels, LabelSet::Wrong());
}

TEST(MakeExamples, ATooLongTraceIsAnErrorUnlessAPolicyIsNamedAndThenCounted) {
  ExampleOptions options;
  options.max_tokens = 10;  // "1+1?" \n "two" \n is 9
  ExampleCounts counts;
  const std::string message =
      MessageOf([&] { Make(MakeTrace(), options, &counts); }, ErrorCode::kOutOfRange);
  EXPECT_NE(message.find("p1/0"), std::string::npos) << message;
  options.too_long = TooLong::kSkip;
  EXPECT_TRUE(Make(MakeTrace(), options, &counts).empty());
  EXPECT_EQ(counts.skipped_traces, 1);
  options.too_long = TooLong::kCut;
  const auto cut = Make(MakeTrace(), options, &counts);
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_EQ(cut[0].targets.size(), 1u);
  EXPECT_EQ(cut[0].tokens.ids.size(), 9u);
  EXPECT_EQ(counts.cut_traces, 1);
  EXPECT_EQ(counts.cut_steps, 2);
}

TEST(MakeExamples, TracesWithoutLabelsAreLeftOutAndCounted) {
  Trace trace = MakeTrace();
  for (Step& step : trace.steps) step.label.reset();
  ExampleCounts counts;
  EXPECT_TRUE(Make(trace, {}, &counts).empty());
  EXPECT_EQ(counts.unlabelled_traces, 1);
}

}  // namespace
}  // namespace prm
