#include "train/data_warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const LabelSet kRight = LabelSet::Correct(), kBad(StepLabel::kIncomplete);
const LabelSet kRedundant(StepLabel::kCorrectRedundant);

Example Of(std::vector<StepTarget> targets) { return {{}, std::move(targets), "a"}; }

TEST(ClassWarnings, NameTheOnlyClassThatTheStepsHave) {
  const std::vector<Example> right = {Of({{kRight, {}}, {{}, {}}}),
                                      Of({{kRedundant, {}}, {{}, 1.0f}})};
  const std::vector<Example> wrong = {Of({{kBad, {}}, {{}, 0.0f}})};
  EXPECT_THAT(ClassWarnings(right, "data"),
              ElementsAre(HasSubstr("data: all 3 labelled steps are correct: ")));
  EXPECT_THAT(ClassWarnings(wrong, "dev"),
              ElementsAre(HasSubstr("dev: all 2 labelled steps are wrong: there is no")));
  EXPECT_THAT(ClassWarnings({}, "dev"), IsEmpty());
}

TEST(ClassWarnings, BothClassesOrASoftValueBetweenThemAreEnough) {
  EXPECT_THAT(ClassWarnings(std::vector{Of({{kRight, {}}}), Of({{kBad, {}}})}, "data"), IsEmpty());
  EXPECT_THAT(ClassWarnings(std::vector{Of({{kRight, {}}, {{}, 0.5f}})}, "data"), IsEmpty());
}

Trace Of(const std::string& id, const std::string& problem, const std::vector<std::string>& steps) {
  Trace trace;
  trace.id = id;
  trace.problem = problem;
  for (const std::string& step : steps) trace.steps.push_back({step, {}, {}});
  return trace;
}

TEST(OverlapWarnings, CountTracesOfTheSameTextsWhateverTheirIds) {
  const std::vector<Trace> train = {Of("a", "p", {"1", "2"}), Of("b", "q", {"1"})};
  const std::vector<Trace> dev = {Of("x", "p", {"1", "2"}), Of("a", "p", {"12"}),
                                  Of("b", "q1", {""})};
  EXPECT_THAT(OverlapWarnings(train, dev), ElementsAre(HasSubstr("1 of its 3 traces")));
  EXPECT_THAT(OverlapWarnings(train, std::span(dev).subspan(1)), IsEmpty());
}

}  // namespace
}  // namespace prm
