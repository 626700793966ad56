#include "data/similarity/contamination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/similarity/normal_text.h"
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

// A distinct story of at least 30 words, to contain a phrase.
std::string Story(int number) {
  std::string text;
  for (int i = 0; i < 30; ++i)
    text += " w" + std::string(1, char('a' + number)) + char('a' + i % 26);
  return text + ". ";
}

// Every eight words of it contain a number.
std::string PhraseWith(int number) {
  const std::string some = " take " + std::to_string(number) + " of the ";
  return "Now" + some + "red," + some + "blue and" + some + "green.";
}

TEST_F(ContaminationTest, APhraseOfTenProblemsIsEvidenceAndOfElevenIsNot) {
  Evaluate(Story(25) + PhraseWith(7));
  for (int i = 0; i < 10; ++i) Train(Story(i) + PhraseWith(7));
  EXPECT_EQ(Find().size(), 10u);
  Train(Story(10) + PhraseWith(7));
  EXPECT_TRUE(Find().empty());
}

TEST_F(ContaminationTest, APhraseOfTenEvaluationProblemsIsEvidenceAndOfElevenIsNot) {
  Train(Story(25) + PhraseWith(7));
  for (int i = 0; i < 10; ++i) Evaluate(Story(i) + PhraseWith(7));
  EXPECT_EQ(Find().size(), 1u);
  Evaluate(Story(10) + PhraseWith(7));
  EXPECT_TRUE(Find().empty());
}

TEST_F(ContaminationTest, APhraseIsTheSameForAllItsNumbers) {
  Evaluate(Story(25) + PhraseWith(7));
  Train(Story(0) + PhraseWith(7));
  for (int i = 1; i < 11; ++i) Train(Story(i) + PhraseWith(7 + i));
  EXPECT_TRUE(Find().empty());
}

TEST_F(ContaminationTest, APhraseIsTheSameForAllItsEvaluationNumbers) {
  for (int i = 0; i < 11; ++i) Evaluate(Story(i) + PhraseWith(100 + i));
  Train(Story(25) + PhraseWith(100));
  EXPECT_TRUE(Find().empty());
}

TEST_F(ContaminationTest, WordsBesideAPhraseOfAllAreNoEvidence) {
  const std::string phrase = "what is the value of the unknown variable";
  Evaluate(Story(25) + "He has two bikes: " + phrase);
  Train(Story(0) + "He has two bikes: " + phrase);
  EXPECT_EQ(Find().size(), 0u);  // twelve words
  Evaluate(Story(24) + "So he has two bikes: " + phrase);
  Train(Story(1) + "So he has two bikes: " + phrase);
  EXPECT_EQ(Find().size(), 1u);
  for (int i = 2; i < 11; ++i) Train(Story(i) + phrase + " and no more than that, as we know.");
  EXPECT_TRUE(Find().empty());
}

TEST_F(ContaminationTest, VariantsOfOneProblemMakeNoBoilerplate) {
  Evaluate(Story(25) + PhraseWith(7));
  for (int i = 0; i < 20; ++i) Train(Story(0) + "with " + std::to_string(i) + PhraseWith(7));
  EXPECT_EQ(Find().size(), 20u);
}

TEST_F(ContaminationTest, OtherNumbersWithTheSameAnswerAreFound) {
  for (const char* key : {R"(,"ground_truth":"7")", R"(,"answer":"7.0")", R"(,"answer":7)",
                          R"(,"reference_answer":null,"answer":"7")"}) {
    lines_.clear();
    Evaluate("Add 3 and 4 to it.", key);
    Train("Add 5 and 2 to it.", "7");
    const auto found = Find();
    ASSERT_EQ(found.size(), 1u) << key;
    EXPECT_EQ(found[0].kind, ContaminationKind::kTemplate);
  }
}

// With 6 or 7 of 10 grams shared: 6/14 and 7/13; the bound is between them.
TEST_F(ContaminationTest, HalfOfAllGramsIsTheBound) {
  Evaluate("a b c d e f g h i j k l m n");
  Train("a b c d e f g h i j p q r s");  // 6 of 14
  EXPECT_TRUE(Find().empty());
  const uint32_t problem = Train("a b c d e f g h i j k q r s");  // 7 of 13
  const auto found = Find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].problem, problem);
  EXPECT_DOUBLE_EQ(found[0].similarity, 7.0 / 13);
}

TEST_F(ContaminationTest, TheMostAlikeIsTheEvidence) {
  std::string less = kLong, more = kLong;
  more.replace(more.find("cows"), 4, "pigs");
  less.replace(less.find("cows from"), 9, "pigs off");
  Evaluate(less);
  Evaluate(more);
  Evaluate(less + " Say it.");
  Train(kLong);
  const auto found = Find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id, "e1");
}

TEST_F(ContaminationTest, OfEquallyAlikeOnesTheFirstIsTheEvidence) {
  const auto with = [](const char* animals) {
    std::string changed = kLong;
    return changed.replace(changed.find("cows"), 4, animals);
  };
  for (const char* animals : {"pigs", "cats", "dogs", "rats", "hogs", "bees", "owls", "emus"}) {
    Evaluate(with(animals));
  }
  Train(kLong);
  const auto found = Find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, ContaminationKind::kSimilar);
  EXPECT_EQ(found[0].id, "e0");
}

TEST_F(ContaminationTest, OnlyWordsAreCountedAmongTheThirteen) {
  EXPECT_TRUE(LongGramsOf("a + b + c + d + e + f + g + h + i + j + k + l").empty());
  EXPECT_EQ(LongGramsOf("a + b + c + d + e + f + g + h + i + j + k + l + 2").size(), 1u);
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
