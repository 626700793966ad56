#include "data/trace.h"

#include <gtest/gtest.h>

#include "data/text/ascii.h"

namespace prm {
namespace {

Trace WithLabels(std::vector<std::optional<StepLabel>> labels) {
  Trace trace;
  for (const auto& label : labels) trace.steps.push_back({"text", label, std::nullopt});
  return trace;
}

TEST(LabelSet, CorrectAndWrongPartTheLabels) {
  for (int i = 0; i < kNumLabels; ++i) {
    const StepLabel label = StepLabel(i);
    EXPECT_EQ(LabelSet::Correct().contains(label), IsCorrect(label));
    EXPECT_EQ(LabelSet::Wrong().contains(label), IsError(label));
    EXPECT_EQ(LabelSet(label).size(), 1);
    EXPECT_TRUE(LabelSet(label).contains(label));
  }
  EXPECT_EQ(LabelSet::Correct().size() + LabelSet::Wrong().size(), kNumLabels);
  EXPECT_TRUE(LabelSet().empty());
}

TEST(LabelSet, IsWithinASetThatHasAllItsLabelsAndNoSetIsIfEmpty) {
  EXPECT_TRUE(LabelSet(StepLabel::kIncorrect).IsWithin(LabelSet::Wrong()));
  EXPECT_TRUE(LabelSet::Wrong().IsWithin(LabelSet::Wrong()));
  EXPECT_FALSE(LabelSet(StepLabel::kIncorrect).IsWithin(LabelSet::Correct()));
  EXPECT_FALSE(LabelSet::Wrong().IsWithin(LabelSet(StepLabel::kIncorrect)));
  EXPECT_FALSE(LabelSet().IsWithin(LabelSet::Correct()));
}

TEST(ParseLabel, KnowsItsNamesAndNoOthers) {
  for (int i = 0; i < kNumLabels; ++i) {
    EXPECT_EQ(ParseLabel(kLabelNames[size_t(i)]), StepLabel(i));
  }
  for (const char* name : {"", "correct", "Incorrect", "incorrect ", "corect"}) {
    EXPECT_FALSE(ParseLabel(name)) << name;
  }
}

TEST(AdmissibleLabels, OnlyCorrectNecessaryWidensWhereNecessityIsUnknown) {
  Trace trace = WithLabels({StepLabel::kCorrectNecessary, StepLabel::kCorrectRedundant,
                            StepLabel::kIncorrect, StepLabel::kIncomplete, std::nullopt});
  for (const bool known : {true, false}) {
    trace.necessity_known = known;
    EXPECT_EQ(AdmissibleLabels(trace, 0),
              known ? LabelSet(StepLabel::kCorrectNecessary) : LabelSet::Correct());
    EXPECT_EQ(AdmissibleLabels(trace, 1), LabelSet(StepLabel::kCorrectRedundant));
    EXPECT_EQ(AdmissibleLabels(trace, 2), LabelSet(StepLabel::kIncorrect));
    EXPECT_EQ(AdmissibleLabels(trace, 3), LabelSet(StepLabel::kIncomplete));
    EXPECT_TRUE(AdmissibleLabels(trace, 4).empty());
  }
}

TEST(FirstLabelledError, IsTheFirstIncorrectOrIncompleteStep) {
  EXPECT_EQ(FirstLabelledError(WithLabels({StepLabel::kCorrectRedundant, std::nullopt,
                                           StepLabel::kIncomplete, StepLabel::kIncorrect})),
            2);
  EXPECT_EQ(FirstLabelledError(WithLabels({std::nullopt, StepLabel::kCorrectNecessary})), -1);
  EXPECT_EQ(FirstLabelledError(Trace{}), -1);
}

TEST(IsBlank, OnlyWhiteSpaceIsBlank) {
  EXPECT_TRUE(IsBlank(""));
  EXPECT_TRUE(IsBlank(" \t\r\n\v\f"));
  EXPECT_FALSE(IsBlank(" . "));
  EXPECT_FALSE(IsBlank(std::string_view("\0", 1)));
}

TEST(FirstError, IsDecidedWhereEveryStepBeforeItHasALabel) {
  constexpr auto kRight = StepLabel::kCorrectNecessary, kWrong = StepLabel::kIncorrect;
  EXPECT_EQ(DecidedFirstError(WithLabels({kRight, kWrong, std::nullopt})), 1);
  EXPECT_EQ(DecidedFirstError(WithLabels({kRight, kRight})), -1);
  EXPECT_EQ(DecidedFirstError(WithLabels({std::nullopt, kWrong})), std::nullopt);
  EXPECT_EQ(DecidedFirstError(WithLabels({kRight, std::nullopt, kWrong})), std::nullopt);
  EXPECT_EQ(DecidedFirstError(WithLabels({kRight, std::nullopt})), std::nullopt);
}

}  // namespace
}  // namespace prm
