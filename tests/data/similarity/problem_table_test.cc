#include "data/similarity/problem_table.h"

#include <gtest/gtest.h>

#include "data/records/trace_reader.h"
#include "data/similarity/normal_text.h"

namespace prm {
namespace {

uint32_t Add(ProblemTable* table, std::string_view text) { return table->Add(NormalText(text)); }

const char* const kLong =
    "A farmer has 12 cows and 30 hens on a small farm near the river and sells half of the hens at "
    "the market on Monday morning before he buys 4 more cows from a friend in the next village, "
    "who keeps sheep as well. How many animals has he got in the end?";

TEST(ProblemTable, EqualTextsAreOneProblem) {
  ProblemTable table;
  EXPECT_EQ(Add(&table, "Solve 3x + 6 = 15."), 0u);
  EXPECT_EQ(Add(&table, "Name a prime."), 1u);
  EXPECT_EQ(Add(&table, "solve $3x+6=15$"), 0u);
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(table.Text(1), "name a prime");
  EXPECT_TRUE(table.links().empty());
}

TEST(ProblemTable, NearDuplicatesAreOneGroup) {
  ProblemTable table;
  std::string changed = kLong;
  changed.replace(changed.find("sheep"), 5, "goats");
  const uint32_t a = Add(&table, kLong), b = Add(&table, changed), c = Add(&table, "Another one.");
  EXPECT_NE(a, b);
  EXPECT_EQ(table.GroupOf(a), table.GroupOf(b));
  EXPECT_NE(table.GroupOf(a), table.GroupOf(c));
  ASSERT_EQ(table.links().size(), 1u);
  EXPECT_EQ(table.links()[0].kind, ProblemLink::kNearDuplicate);
  EXPECT_GE(table.links()[0].similarity, 0.8);
}

TEST(ProblemTable, OtherNumbersAreOneGroup) {
  ProblemTable table;
  const uint32_t a = Add(&table, "Tom has 3 apples and eats 2."),
                 b = Add(&table, "Tom has 14 apples and eats 1,250."),
                 c = Add(&table, "Tom has 3 pears and eats 2.");
  EXPECT_EQ(table.GroupOf(a), table.GroupOf(b));
  EXPECT_NE(table.GroupOf(a), table.GroupOf(c));
  ASSERT_EQ(table.links().size(), 1u);
  EXPECT_EQ(table.links()[0].kind, ProblemLink::kTemplate);
}

TEST(ProblemTable, TheSourcesNamesJoin) {
  ProblemTable table;
  const auto a = table.Add("one text", "s\n1"), b = table.Add("quite another", "s\n1"),
             c = table.Add("a third", "s\n2");
  EXPECT_EQ(table.GroupOf(a), table.GroupOf(b));
  EXPECT_NE(table.GroupOf(a), table.GroupOf(c));
  ASSERT_EQ(table.links().size(), 1u);
  EXPECT_EQ(table.links()[0].kind, ProblemLink::kSourceId);
}

TEST(ProblemTable, GroupsAreTransitive) {
  ProblemTable table;
  const auto a = table.Add("text one", "s\n1");
  const auto b = table.Add("text two", "s\n2");
  EXPECT_NE(table.GroupOf(a), table.GroupOf(b));
  table.Add("text three", "s\n1");
  table.Add("text three", "s\n2");
  EXPECT_EQ(table.GroupOf(a), table.GroupOf(b));
}

TEST(ProblemTable, TheFirstProblemStandsForItsGroup) {
  ProblemTable table;
  for (int i = 0; i < 6; ++i) {
    table.Add("text " + std::string(1, char('a' + i)), "s\n" + std::to_string(i));
  }
  table.Add("text d", "s\n5");
  table.Add("text b", "s\n5");
  table.Add("text f", "s\n2");
  for (const uint32_t member : {1u, 2u, 3u, 5u}) EXPECT_EQ(table.GroupOf(member), 1u);
  EXPECT_EQ(table.GroupOf(0), 0u);
  EXPECT_EQ(table.GroupOf(4), 4u);
  EXPECT_EQ(table.links().size(), 3u);
}

TEST(ProblemTable, SourceIdsAreReadFromMeta) {
  const auto id_of = [](const std::string& meta) {
    return SourceProblemId(ParseTrace(
        R"({"id":"a","problem":"p","steps":["s"],"source":"src","meta":)" + meta + "}", "x"));
  };
  EXPECT_EQ(id_of(R"({"problem_id": 7})"), "src\n7");
  EXPECT_EQ(id_of(R"({"source_id": "q/7"})"), "src\n\"q/7\"");
  EXPECT_EQ(id_of(R"({"group_id": "g"})"), "src\n\"g\"");
  EXPECT_EQ(id_of(R"({"problem_id": null})"), std::nullopt);
  EXPECT_EQ(id_of(R"({"other": "problem_id"})"), std::nullopt);
  EXPECT_EQ(id_of("null"), std::nullopt);
}

}  // namespace
}  // namespace prm
