#include "data/curation/contamination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

const std::string kLong =
    "A farmer who lives beside the old mill near the river sells half of his hens and buys three "
    "more cows from the neighbour. How many animals does he own now?";

class ContaminationTest : public ::testing::Test {
 protected:
  void Evaluate(const std::string& problem, const std::string& more = "") {
    lines_ += R"({"id":"e)" + std::to_string(count_++) + R"(","problem":")" + problem + "\"" +
              more + "}\n";
  }
  uint32_t Train(const std::string& problem, std::string answer = "") {
    const uint32_t number = table_.Add(NormalText(problem));
    answers_.resize(table_.size());
    answers_[number] = std::move(answer);
    return number;
  }
  std::vector<Contamination> Find() {
    EvaluationProblems evaluation;
    evaluation.AddFile(folder_.Write("eval.jsonl", lines_));
    return evaluation.FindIn(table_, [&](uint32_t problem) { return answers_[problem]; });
  }

  TempFolder folder_;
  std::string lines_;
  int count_ = 0;
  ProblemTable table_;
  std::vector<std::string> answers_;
};

TEST_F(ContaminationTest, SimilarProblemsAreFoundWithTheirEvidence) {
  Evaluate("Something else.");
  Evaluate(kLong, R"(,"steps":["s"])");
  Train("A clean one.");
  std::string changed = kLong;
  changed.replace(changed.find("cows"), 4, "pigs");
  const uint32_t problem = Train(changed);
  const auto found = Find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].problem, problem);
  EXPECT_EQ(found[0].kind, ContaminationKind::kSimilar);
  EXPECT_EQ(found[0].file, "eval.jsonl");
  EXPECT_EQ(found[0].id, "e1");
  EXPECT_GT(found[0].similarity, 0.5);
  EXPECT_LT(found[0].similarity, 1);
  EXPECT_THAT(found[0].evidence, HasSubstr("three more cows"));
}

TEST_F(ContaminationTest, ThirteenWordsInARowAreEnough) {
  Evaluate(kLong);
  const std::string shared = "beside the old mill near the river sells half of his hens and buys";
  const uint32_t problem = Train(
      "Quite another story altogether in which a miller, beside the old mill near the river, "
      "sells half of his hens and buys nothing at all, since he has no money left for it and "
      "his wife will not lend him any before the end of the year. Why is he sad?");
  const auto found = Find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].problem, problem);
  EXPECT_EQ(found[0].kind, ContaminationKind::kThirteen);
  EXPECT_LT(found[0].similarity, 0.5);
  EXPECT_EQ(LongGramsOf(NormalText(shared)).size(), 2u);
  EXPECT_EQ(LongGramsOf(found[0].evidence).size(), 1u);
}

TEST_F(ContaminationTest, TwelveWordsAreNot) {
  Evaluate(
      "one two three four five six seven eight nine ten eleven twelve AND MUCH MORE OF THIS TEXT "
      "FOLLOWS HERE SO THAT IT IS NOT ALIKE AT ALL");
  Train(
      "one two three four five six seven eight nine ten eleven twelve but nothing of the rest is "
      "said in this problem, which goes on in its own way");
  EXPECT_TRUE(Find().empty());
}

TEST_F(ContaminationTest, WordsThatManyProblemsShareAreBoilerplate) {
  const std::string boilerplate =
      " Answer with one letter and nothing else, please, and think step by step first of all.";
  const char* const kSubjects[] = {"apples", "pears", "plums",  "figs", "nuts",  "peas",
                                   "beans",  "leeks", "onions", "corn", "wheat", "rye"};
  for (const char* subject : kSubjects) {
    std::string text;
    for (int i = 0; i < 4; ++i)
      text += std::string(subject) + char('a' + i) + " grow well in the " + subject +
              " garden of " + subject + ". ";
    Evaluate(text + boilerplate);
  }
  Train("Why do the stars shine by night when no one is there to look at them at all?" +
        boilerplate);
  EXPECT_TRUE(Find().empty());
}

TEST_F(ContaminationTest, OtherNumbersWithTheSameAnswerAreFound) {
  Evaluate("Add 3 and 4 to it.", R"(,"ground_truth":"7")");
  Train("Add 5 and 2 to it.", "7");
  const auto found = Find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, ContaminationKind::kTemplate);
}

TEST_F(ContaminationTest, OtherNumbersWithAnotherOrNoAnswerAreNot) {
  Evaluate("Add 3 and 4 to it.", R"(,"reference_answer":"7")");
  Evaluate("Take 3 from 9 now.");
  Train("Add 5 and 3 to it.", "8");
  Train("Add 6 and 3 to it.");
  Train("Take 4 from 9 now.", "");
  EXPECT_TRUE(Find().empty());
}

TEST_F(ContaminationTest, AFileWithoutProblemsIsRefused) {
  EvaluationProblems evaluation;
  const auto path = folder_.Write("bad.jsonl", "{\"id\":\"a\"}\n");
  EXPECT_THAT(MessageOf([&] { evaluation.AddFile(path); }),
              HasSubstr("bad.jsonl:1: the field \"problem\" is missing"));
}

}  // namespace
}  // namespace prm
