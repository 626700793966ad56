#include "data/analysis/guidelines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/error_of.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

TEST(Guidelines, TheLongestDomainDecides) {
  const Guidelines& shipped = Guidelines::Default();
  EXPECT_EQ(shipped.Of("math").name, "mathematics");
  EXPECT_EQ(shipped.Of("math-gsm8k").name, "word problems");
  EXPECT_EQ(shipped.Of("math-other").name, "mathematics");
  EXPECT_EQ(shipped.Of("mathematics").name, "general");
  EXPECT_EQ(shipped.Of("logic-word_sorting").name, "word sorting");
  EXPECT_EQ(shipped.Of("logic-dyck_languages").name, "logic");
  EXPECT_EQ(shipped.Of("").name, "general");
}

TEST(Guidelines, EachDomainHasItsUnit) {
  const Guidelines& shipped = Guidelines::Default();
  EXPECT_EQ(shipped.Of("math").unit, StepUnit::kTransformation);
  EXPECT_EQ(shipped.Of("reading").unit, StepUnit::kEvidence);
  EXPECT_EQ(shipped.Of("synthesis").unit, StepUnit::kSource);
  EXPECT_EQ(shipped.Of("law").unit, StepUnit::kAuthority);
  EXPECT_EQ(shipped.Of("medicine").unit, StepUnit::kInference);
  EXPECT_EQ(shipped.Of("finance").unit, StepUnit::kTransformation);
  EXPECT_TRUE(shipped.Of("finance").quantities);
}

TEST(Guidelines, AProjectsOwnAreRead) {
  const Guidelines own = Guidelines::Parse(
      R"({"guidelines": [{"name": "mine", "domains": ["math"], "unit": "source", "max_units": 2,
          "max_words": 10, "max_sentences": 4, "max_jump": 3, "quantities": true,
          "max_similarity": 0.5, "rule": "r"}]})",
      "own");
  const Guideline& mine = own.Of("math-x");
  EXPECT_EQ(mine.name, "mine");
  EXPECT_EQ(mine.unit, StepUnit::kSource);
  EXPECT_EQ(mine.max_units, 2);
  EXPECT_EQ(mine.max_words, 10);
  EXPECT_EQ(mine.max_sentences, 4);
  EXPECT_EQ(mine.max_jump, 3);
  EXPECT_TRUE(mine.quantities);
  EXPECT_EQ(mine.max_similarity, 0.5);
  EXPECT_EQ(own.Of("law").name, "general");
}

TEST(Guidelines, BadFilesAreRefusedByField) {
  const auto refusal = [](const std::string& guideline) {
    return MessageOf(
        [&] { Guidelines::Parse("{\"guidelines\": [" + guideline + "]}", "own.json"); },
        ErrorCode::kInvalidArgument);
  };
  EXPECT_THAT(refusal(R"({"domains": ["a"]})"), HasSubstr("own.json: guidelines[0]: the field"));
  EXPECT_THAT(refusal(R"({"name": "a", "domains": []})"), HasSubstr("at least one domain"));
  EXPECT_THAT(refusal(R"({"name": "a", "domains": ["a"], "unit": "idea"})"),
              HasSubstr("one of transformation, evidence"));
  EXPECT_THAT(refusal(R"({"name": "a", "domains": ["a"], "max_words": 0})"),
              HasSubstr("max_words: expected 1 to 1000000"));
  EXPECT_THAT(refusal(R"({"name": "a", "domains": ["a"], "max_similarity": 0})"),
              HasSubstr("max_similarity"));
  EXPECT_THAT(refusal(R"({"name": "a", "domains": ["a"], "words": 3})"),
              HasSubstr("unknown field"));
  EXPECT_THAT(refusal(R"({"name": "a", "domains": ["a", "a"]})"), HasSubstr("already"));
  EXPECT_THAT(MessageOf([] { Guidelines::Parse("[]", "x"); }), HasSubstr("an object"));
}

}  // namespace
}  // namespace prm
