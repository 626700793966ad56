#include "data/curation/authors.h"

#include <gtest/gtest.h>

#include "data/records/trace_reader.h"

namespace prm {
namespace {

// Of 4 x 3, 5 x 4, 6 x 3 and 20 x 5 the median is 6 and the median deviation 2.
TEST(Authors, TheOneWhoWritesLongStandsOut) {
  AuthorLengths lengths;
  for (const int steps : {4, 4, 5, 5, 6, 6, 4, 5, 6, 5}) lengths.Add("math", "a", steps);
  for (int i = 0; i < 5; ++i) lengths.Add("math", "b", 20);
  const std::vector<AuthorLength> report = lengths.Report();
  ASSERT_EQ(report.size(), 2u);
  EXPECT_EQ(report[0].author, "a");
  EXPECT_DOUBLE_EQ(report[0].median_steps, 5);
  EXPECT_DOUBLE_EQ(report[0].domain_median, 6);
  EXPECT_NEAR(*report[0].robust_z, -1 / (2 * 1.4826), 1e-9);
  EXPECT_NEAR(*report[1].robust_z, 14 / (2 * 1.4826), 1e-9);
}

TEST(Authors, OfAnEvenNumberTheMedianLiesBetween) {
  AuthorLengths lengths;
  for (const int steps : {3, 3, 3, 5, 5, 5}) lengths.Add("math", "a", steps);
  EXPECT_DOUBLE_EQ(lengths.Report().at(0).median_steps, 4);
}

TEST(Authors, FewTracesAreNotJudged) {
  AuthorLengths lengths;
  for (int i = 0; i < 9; ++i) lengths.Add("math", "a", 3 + i % 3);
  for (int i = 0; i < 4; ++i) lengths.Add("math", "b", 50);
  ASSERT_EQ(lengths.Report().size(), 1u);
}

TEST(Authors, WithoutSpreadOrOthersItIsUndefined) {
  AuthorLengths same;
  for (int i = 0; i < 9; ++i) same.Add("math", i % 2 ? "a" : "b", 3);
  EXPECT_EQ(same.Report().size(), 1u);  // b has 5, a has 4
  EXPECT_EQ(same.Report()[0].robust_z, std::nullopt);
  AuthorLengths alone;
  for (int i = 0; i < 9; ++i) alone.Add("math", "a", i);
  EXPECT_EQ(alone.Report()[0].robust_z, std::nullopt);
}

TEST(Authors, AreNamedByMetaOrSource) {
  const auto author = [](const std::string& fields) {
    return AuthorOf(ParseTrace(R"({"id":"a","problem":"p","steps":["s"])" + fields + "}", "x"));
  };
  EXPECT_EQ(author(R"(,"source":"set","meta":{"sampled_model":"m"})"), "m");
  EXPECT_EQ(author(R"(,"source":"set","meta":{"generator":3})"), "set");
  EXPECT_EQ(author(""), "unknown");
}

}  // namespace
}  // namespace prm
