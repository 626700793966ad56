#include "data/curation/curate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "data/json_text.h"
#include "data/trace_reader.h"
#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

const Cell kA{"algebraic_procedure", "math", 0}, kB{"inspect_verify", "math", 0};

CellState State(const Cell& cell, int64_t target) { return {cell, 0, target, target, {}}; }

TEST(Choose, FillsTheCellsThatLack) {
  std::vector<Candidate> candidates;
  for (uint32_t i = 0; i < 40; ++i) candidates.push_back({i % 4 ? kA : kB, i, 0, "abc"});
  const CurateChoice choice = Choose(candidates, {State(kA, 5), State(kB, 5)}, {});
  std::map<Cell, int> count;
  for (const size_t i : choice.chosen) ++count[candidates[i].cell];
  EXPECT_EQ(count[kA], 5);
  EXPECT_EQ(count[kB], 5);
  EXPECT_TRUE(choice.unfilled.empty());
  EXPECT_EQ(choice.by_deficit, 10);
}

TEST(Choose, SaysWhatItCouldNotFillAndWhy) {
  // Six of cell A, all of one problem and one path; none of cell B.
  std::vector<Candidate> candidates(6, {kA, 7, 0, "abc"});
  const CurateChoice choice =
      Choose(candidates, {State(kA, 5), State(kB, 3)}, {.per_problem = 4, .per_path = 2});
  EXPECT_EQ(choice.chosen.size(), 2u);
  ASSERT_EQ(choice.unfilled.size(), 2u);
  EXPECT_EQ(choice.unfilled[0].cell, kA);
  EXPECT_EQ(choice.unfilled[0].chosen, 2);
  EXPECT_EQ(choice.unfilled[0].candidates, 6);
  EXPECT_EQ(choice.unfilled[0].capped, 4);
  EXPECT_EQ(choice.unfilled[1].candidates, 0);
}

TEST(Choose, CapsHoldPerProblemAndPerPath) {
  std::vector<Candidate> candidates;
  for (int i = 0; i < 60; ++i) {
    candidates.push_back({kA, uint32_t(i % 3), i % 5, std::string(1, char('a' + i % 5))});
  }
  const CurateLimits limits{.total = 100, .per_problem = 4, .per_path = 2};
  const CurateChoice choice = Choose(candidates, {State(kA, 50)}, limits);
  std::map<uint32_t, int> problems;
  std::map<std::pair<uint32_t, int>, int> paths;
  for (const size_t i : choice.chosen) {
    EXPECT_LE(++problems[candidates[i].problem], 4);
    EXPECT_LE(++paths[std::pair(candidates[i].problem, candidates[i].path_cluster)], 2);
  }
  EXPECT_EQ(choice.chosen.size(), 12u);
}

TEST(Choose, TakesTheFurthestPathFirst) {
  // Many alike and two strangers: three choices hold both strangers.
  std::vector<Candidate> candidates;
  for (uint32_t i = 0; i < 50; ++i) candidates.push_back({kA, i, 0, "aaaa"});
  candidates.push_back({kA, 50, 0, "bbbb"});
  candidates.push_back({kA, 51, 0, "cccc"});
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const CurateChoice choice = Choose(candidates, {State(kA, 3)}, {.seed = seed});
    std::set<Path> paths;
    for (const size_t i : choice.chosen) paths.insert(candidates[i].path);
    EXPECT_EQ(paths.size(), 3u) << seed;
  }
}

TEST(Choose, TheSecondRoundTakesWhatDiffersUpToTheTotal) {
  std::vector<Candidate> candidates;
  for (uint32_t i = 0; i < 10; ++i) candidates.push_back({kA, i, 0, i < 9 ? "aaaa" : "zzzz"});
  const CurateChoice choice = Choose(candidates, {State(kA, 0)}, {.total = 2});
  EXPECT_EQ(choice.by_distance, 2);
  std::set<Path> paths;
  for (const size_t i : choice.chosen) paths.insert(candidates[i].path);
  EXPECT_EQ(paths.size(), 2u);
}

TEST(Choose, TheTotalLimitsBothRounds) {
  std::vector<Candidate> candidates;
  for (uint32_t i = 0; i < 30; ++i) candidates.push_back({i % 2 ? kA : kB, i, 0, "abc"});
  const CurateChoice choice = Choose(candidates, {State(kA, 10), State(kB, 10)}, {.total = 6});
  EXPECT_EQ(choice.chosen.size(), 6u);
  EXPECT_EQ(choice.unfilled.size(), 2u);
}

std::string Line(const std::string& id, const std::string& problem, const std::string& step,
                 const std::string& label, bool right = true) {
  return R"({"id":")" + id + R"(","problem":")" + problem + R"(","steps":[")" + step +
         R"("],"labels":[")" + label + R"("],"domain":"math","final_correct":)" +
         (right ? "true" : "false") + "}\n";
}

TEST(Curate, ChoosesOnlyWhatPassedAndIsCleanAndKeepsProblemsTogether) {
  const TempFolder folder;
  const std::string good = "correct_necessary";
  const auto in =
      folder.Write("in.jsonl", Line("1", "Add 2 and 3.", "2 + 3 = 5, so 5.", good) +
                                   Line("2", "Name a prime.", "Two is a prime.", good) +
                                   Line("3", "Add 2 and 3.", "Count on from 2: 3, 4, 5.", good) +
                                   Line("4", "Add 2 and 3.", "2 + 3 = 6, but 5.", "incorrect") +
                                   Line("5", "Name a prime.", "two is a prime", good) +
                                   Line("6", "Known in the test set.", "It is so.", good) +
                                   Line("7", "Wrong key.", "It is.", good, false));
  const auto eval = folder.Write("eval.jsonl", R"({"id":"e","problem":"Known in the test set"})");
  CurateOptions options;
  options.in = in;
  options.out = folder / "out.jsonl";
  options.against = {eval};
  options.limits.total = 10;
  options.limits.per_path = 2;
  const CurateResult result = Curate(options);
  EXPECT_EQ(result.rows, 7);
  EXPECT_EQ(result.passed, 5);
  EXPECT_EQ(result.duplicates, 1);
  EXPECT_EQ(result.contaminated, 1);
  std::string ids;
  for (const Trace& trace : ReadTraces(folder / "out.jsonl")) ids += trace.id;
  EXPECT_EQ(ids, "132");
}

TEST(Curate, RefusesStandardInputAndBadLines) {
  const TempFolder folder;
  CurateOptions options;
  options.in = "-";
  options.out = folder / "out";
  EXPECT_THAT(MessageOf([&] { Curate(options); }), HasSubstr("standard input"));
  options.in = folder.Write("in.jsonl", "{}\n");
  EXPECT_THAT(MessageOf([&] { Curate(options); }), HasSubstr("in.jsonl:1:"));
  EXPECT_EQ(Names(folder.path()), std::vector<std::string>{"in.jsonl"});
}

}  // namespace
}  // namespace prm
