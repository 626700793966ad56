#include "data/similarity/duplicates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/error.h"
#include "data/io/json_text.h"
#include "data/similarity/normal_text.h"
#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

Trace MakeTrace(std::string problem, std::vector<std::string> steps,
                std::optional<StepLabel> last = StepLabel::kCorrectNecessary) {
  Trace trace;
  trace.problem = std::move(problem);
  for (std::string& text : steps) trace.steps.push_back({std::move(text), {}, {}});
  trace.steps.back().label = last;
  return trace;
}

const char* const kStep =
    "First we add the apples of both of them and find that there are 12 apples in the basket, "
    "because 5 of them came from Tom and the other 7 came from his sister Ann on Sunday evening. "
    "Nobody else put anything into it before the two of them went home to eat their supper, and so "
    "we may take this number as it is.";

std::optional<Duplicate> Add(DuplicateFinder* finder, const Trace& trace) {
  return finder->Add(PrintOf(trace, NormalText(trace.problem)));
}

TEST(Duplicates, EqualTextAndLabelsAreExact) {
  DuplicateFinder finder;
  EXPECT_FALSE(Add(&finder, MakeTrace("Add 3 and 4.", {"3 + 4 = 7", "So 7."})));
  const auto found = Add(&finder, MakeTrace("add $3$ and $4$", {"3+4=7", "so 7"}));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, DuplicateKind::kExact);
  EXPECT_EQ(found->of, 0u);
  EXPECT_EQ(finder.kept(), 1u);
}

TEST(Duplicates, BoundsOfStepsMatter) {
  DuplicateFinder finder;
  Add(&finder, MakeTrace("p", {"3 + 4 = 7", "so 7"}));
  const auto found = Add(&finder, MakeTrace("p", {"3 + 4 = 7 so 7"}));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, DuplicateKind::kContrast);
}

TEST(Duplicates, EqualTextWithOtherLabelsIsAConflictAndStays) {
  DuplicateFinder finder;
  Add(&finder, MakeTrace("p", {"3 + 4 = 8"}));
  const auto found = Add(&finder, MakeTrace("p", {"3 + 4 = 8"}, StepLabel::kIncorrect));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, DuplicateKind::kLabelConflict);
  EXPECT_EQ(finder.kept(), 2u);
  // Each labelling is found again as exact.
  EXPECT_EQ(Add(&finder, MakeTrace("p", {"3 + 4 = 8"}, StepLabel::kIncorrect))->kind,
            DuplicateKind::kExact);
  EXPECT_EQ(Add(&finder, MakeTrace("p", {"3 + 4 = 8"}))->kind, DuplicateKind::kExact);
}

TEST(Duplicates, LabelsAreThoseOfStepsFirstErrorAndAnswer) {
  const Trace plain = MakeTrace("p", {"3 + 4 = 8", "so 8"}, {});
  Trace labelled = plain, error = plain, none = plain, wrong = plain;
  labelled.steps[0].label = StepLabel::kCorrectNecessary;
  error.first_error = 0;
  none.first_error = -1;
  wrong.final_correct = false;
  DuplicateFinder finder;
  Add(&finder, plain);
  for (const Trace& trace : {labelled, error, none, wrong}) {
    EXPECT_EQ(Add(&finder, trace)->kind, DuplicateKind::kLabelConflict);
    EXPECT_EQ(Add(&finder, trace)->kind, DuplicateKind::kExact);
  }
}

TEST(Duplicates, TheMostAlikeIsNamed) {
  DuplicateFinder finder;
  std::string far = kStep, near = kStep;
  far.replace(far.find("12 apples"), 9, "14 pears");
  near.replace(near.find("12 apples"), 9, "13 apples");
  for (const std::string& step : {far, near}) {
    Add(&finder, MakeTrace("How many apples are there?", {step, "It is 12."}));
  }
  ASSERT_EQ(finder.kept(), 2u);
  const auto found = Add(&finder, MakeTrace("How many apples are there?", {kStep, "It is 12."}));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, DuplicateKind::kContrast);
  EXPECT_EQ(found->of, 1u);
}

TEST(Duplicates, AChangedStepBesideItsOriginalIsAContrastAndStays) {
  DuplicateFinder finder;
  std::string changed = kStep;
  changed.replace(changed.find("12"), 2, "13");
  Add(&finder, MakeTrace("How many apples are there?", {kStep, "It is 12."}));
  const auto contrast = Add(&finder, MakeTrace("How many apples are there?", {changed, "It is 12."},
                                               StepLabel::kIncorrect));
  ASSERT_TRUE(contrast);
  EXPECT_EQ(contrast->kind, DuplicateKind::kContrast);
  EXPECT_GE(contrast->similarity, 0.8);
  EXPECT_LT(contrast->similarity, 1);
  const auto near = Add(&finder, MakeTrace("How many apples are there?", {changed, "It is 12."}));
  ASSERT_TRUE(near);
  EXPECT_EQ(near->kind, DuplicateKind::kLabelConflict);
}

TEST(Duplicates, NearTextWithEqualLabelsIsNear) {
  DuplicateFinder finder;
  std::string changed = kStep;
  changed.replace(changed.find("Sunday"), 6, "Monday");
  Add(&finder, MakeTrace("How many apples are there?", {kStep, "It is 12."}));
  const auto near = Add(&finder, MakeTrace("How many apples are there?", {changed, "It is 12."}));
  ASSERT_TRUE(near);
  EXPECT_EQ(near->kind, DuplicateKind::kNear);
  EXPECT_EQ(finder.kept(), 1u);
}

TEST(Duplicates, OtherNumbersOrAnotherEndingAreNoRepetition) {
  DuplicateFinder finder;
  Add(&finder, MakeTrace("How many apples are there?", {kStep, "It is 12."}));
  std::string changed = kStep;
  changed.replace(changed.find("12"), 2, "13");
  for (const Trace& trace : {MakeTrace("How many apples are there?", {changed, "It is 12."}),
                             MakeTrace("How many apples are there?", {kStep, "Ann has 12."})}) {
    const auto found = Add(&finder, trace);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->kind, DuplicateKind::kContrast);
  }
  EXPECT_EQ(finder.kept(), 3u);
}

std::string Line(std::string_view id, std::string_view step, std::string_view label) {
  std::string line = R"({"id":)";
  AppendJsonString(id, &line);
  return line + R"(,"problem":"p","steps":[")" + std::string(step) + R"("],"labels":[")" +
         std::string(label) + "\"]}\n";
}

TEST(Deduplicate, KeepsTheFirstOfEachByteForByte) {
  const TempFolder folder;
  const std::string first = "  " + Line("a", "3 + 4 = 7", "correct_necessary");
  const std::string other = Line("c\u0001", "x", "incorrect");
  const auto in = folder.Write("in.jsonl", first + Line("b", "3+4=7", "correct_necessary") + "\n" +
                                               other + Line("d", "3+4 = 7.", "incorrect") +
                                               Line("e", "x.", "incorrect"));
  const DedupResult result =
      Deduplicate({.in = in, .out = folder / "out.jsonl", .report = folder / "report.jsonl"});
  EXPECT_EQ(result.rows, 5);
  EXPECT_EQ(result.kept, 3);
  EXPECT_EQ(ReadText(folder / "out.jsonl"), first + other + Line("d", "3+4 = 7.", "incorrect"));
  EXPECT_EQ(ReadText(folder / "report.jsonl"),
            "{\"id\":\"b\",\"of\":\"a\",\"kind\":\"exact\",\"similarity\":1}\n"
            "{\"id\":\"d\",\"of\":\"a\",\"kind\":\"label_conflict\",\"similarity\":1}\n"
            "{\"id\":\"e\",\"of\":\"c\\u0001\",\"kind\":\"exact\",\"similarity\":1}\n");
}

TEST(Deduplicate, NearDuplicatesStayWhereOnlyExactOnesGo) {
  const TempFolder folder;
  std::string changed = kStep;
  changed.replace(changed.find("Sunday"), 6, "Monday");
  const auto line = [](const std::string& id, const std::string& step) {
    return R"({"id":")" + id + R"(","problem":"How many?","steps":[")" + step +
           R"(","It is 12."]})"
           "\n";
  };
  const auto in =
      folder.Write("in.jsonl", line("a", kStep) + line("b", changed) + line("c", kStep));
  DedupOptions options{.in = in, .out = folder / "out"};
  EXPECT_EQ(Deduplicate(options).kept, 1);
  options.near = false;
  const DedupResult result = Deduplicate(options);
  EXPECT_EQ(result.kept, 2);
  EXPECT_EQ(result.found[size_t(DuplicateKind::kNear)], 1);
  EXPECT_EQ(ReadText(folder / "out"), line("a", kStep) + line("b", changed));
}

TEST(Deduplicate, DoesNotDependOnTheNumberOfThreads) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 5000; ++i) {
    text += Line(std::to_string(i), "step " + std::to_string(i * 7 % 1500), "incorrect");
  }
  const auto in = folder.Write("in.jsonl", text);
  Deduplicate({.in = in, .out = folder / "one", .report = folder / "report1", .threads = 1});
  Deduplicate({.in = in, .out = folder / "five", .report = folder / "report5", .threads = 5});
  EXPECT_EQ(ReadText(folder / "one"), ReadText(folder / "five"));
  EXPECT_EQ(ReadText(folder / "report1"), ReadText(folder / "report5"));
}

TEST(Deduplicate, ARefusedLineLeavesNothingWritten) {
  const TempFolder folder;
  for (const std::string bad : {R"({"id":"b","problem":"p","steps":["s"],"soft":[NaN]})",
                                R"({"id":"b","problem":"p"})", "[1]", "\xff"}) {
    const auto in = folder.Write("in.jsonl", Line("a", "s", "incorrect") + bad + "\n");
    EXPECT_THAT(MessageOf([&] {
                  Deduplicate({.in = in, .out = folder / "out", .report = folder / "report"});
                }),
                HasSubstr("in.jsonl:2: "));
    EXPECT_EQ(Names(folder.path()), std::vector<std::string>{"in.jsonl"});
  }
}

TEST(Duplicates, TracesThatDifferInASignAreKept) {
  for (const auto& [a, b] : {std::pair("So 2\u00b3 is left.", "So 23 is left."),
                             {"So n! is left.", "So n is left."},
                             {"It is 5' long.", "It is 5'' long."},
                             {"So a < b holds.", "So a > b holds."}}) {
    for (const bool in_problem : {false, true}) {
      DuplicateFinder finder;
      for (const char* text : {a, b}) {
        const std::string step = StrCat(kStep, " ", in_problem ? "" : text);
        const auto found = Add(&finder, MakeTrace(in_problem ? text : "p", {step, "So 7."}));
        EXPECT_TRUE(!found || found->kind == DuplicateKind::kContrast) << text;
      }
      EXPECT_EQ(finder.kept(), 2u) << a;
    }
  }
}

}  // namespace
}  // namespace prm
