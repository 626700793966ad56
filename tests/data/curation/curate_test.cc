#include "data/curation/curate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "data/analysis/trace_analysis.h"
#include "data/io/json_text.h"
#include "data/records/trace_reader.h"
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
  // Many equal and two different: three choices include both different ones.
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

TEST(Choose, TheShareOfTheTargetThatLacksDecides) {
  std::vector<Candidate> candidates;
  for (uint32_t i = 0; i < 30; ++i) candidates.push_back({i % 2 ? kA : kB, i, 0, "abc"});
  const CurateChoice choice = Choose(candidates, {State(kA, 10), State(kB, 2)}, {.total = 8});
  // A, then B; only A down to half; A before B if both lack as much; B's second.
  std::map<Cell, int> count;
  for (const size_t i : choice.chosen) ++count[candidates[i].cell];
  EXPECT_EQ(count[kA], 6);
  EXPECT_EQ(count[kB], 2);
  ASSERT_EQ(choice.unfilled.size(), 1u);
  EXPECT_EQ(choice.unfilled[0].chosen, 6);
  EXPECT_EQ(choice.unfilled[0].target, 10);
  EXPECT_EQ(choice.unfilled[0].candidates, 15);
  EXPECT_EQ(choice.unfilled[0].capped, 0);
}

TEST(Choose, EqualsAreDrawnBySeed) {
  std::vector<Candidate> candidates;
  for (uint32_t i = 0; i < 100; ++i) candidates.push_back({kA, i, 0, "abc"});
  const auto chosen = [&](uint64_t seed) {
    return Choose(candidates, {State(kA, 10)}, {.seed = seed}).chosen;
  };
  EXPECT_EQ(chosen(1), chosen(1));
  EXPECT_NE(chosen(1), chosen(2));
}

// Points 0, 1/8, 1/2 and 1 from "aaaaaaaa": the second choice is the far end, the third the middle.
TEST(Choose, EachNextIsFurthestFromTheNearestChosen) {
  const std::vector<Path> paths = {"aaaaaaaa", "aaaaaaab", "aaaabbbb", "bbbbbbbb"};
  for (uint64_t seed = 0; seed < 30; ++seed) {
    std::vector<Candidate> candidates;
    for (uint32_t i = 0; i < 4; ++i) candidates.push_back({kA, i, 0, paths[i]});
    const CurateChoice two = Choose(candidates, {State(kA, 1)}, {.total = 3, .seed = seed});
    EXPECT_EQ(two.by_deficit, 1);
    EXPECT_EQ(two.by_distance, 2);
    const CurateChoice one = Choose(candidates, {State(kA, 3)}, {.seed = seed});
    EXPECT_EQ(one.chosen, two.chosen) << seed;
    // Whatever is first, an "a" and a "b" end are among three, and not both of the alike.
    EXPECT_FALSE(std::count(one.chosen.begin(), one.chosen.end(), 0u) &&
                 std::count(one.chosen.begin(), one.chosen.end(), 1u))
        << seed;
  }
}

TEST(Choose, NothingIsChosenTwice) {
  std::vector<Candidate> candidates;
  for (uint32_t i = 0; i < 20; ++i) candidates.push_back({kA, i, 0, std::string(i % 4, 'a')});
  const CurateChoice choice =
      Choose(candidates, {State(kA, 8)}, {.total = 15, .per_problem = 9, .per_path = 9});
  EXPECT_EQ(std::set<size_t>(choice.chosen.begin(), choice.chosen.end()).size(), 15u);
}

TEST(Choose, ThePathCapIsOfOneProblem) {
  std::vector<Candidate> candidates;
  for (uint32_t i = 0; i < 8; ++i) candidates.push_back({kA, i, 0, "abc"});
  EXPECT_EQ(Choose(candidates, {State(kA, 8)}, {.per_path = 1}).chosen.size(), 8u);
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
                                   Line("6", "Known in the test set.", "It is so.", good) +
                                   Line("5", "Name a prime.", "two is a prime", good) +
                                   Line("8", "Name an even number.", "Four is one.", good) +
                                   Line("7", "Wrong key.", "It is.", good, false));
  const auto eval = folder.Write("eval.jsonl", R"({"id":"e","problem":"Known in the test set"})");
  CurateOptions options;
  options.in = in;
  options.out = folder / "out.jsonl";
  options.against = {eval};
  options.limits.total = 10;
  options.limits.per_path = 2;
  const CurateResult result = Curate(options);
  EXPECT_EQ(result.rows, 8);
  EXPECT_EQ(result.passed, 6);
  EXPECT_EQ(result.duplicates, 1);
  EXPECT_EQ(result.contaminated, 1);
  std::string ids;
  for (const Trace& trace : ReadTraces(folder / "out.jsonl")) ids += trace.id;
  EXPECT_EQ(ids, "1328");
}

TEST(Curate, PathsOfOneProblemAreCappedByCluster) {
  const TempFolder folder;
  const std::string good = "correct_necessary";
  const std::vector<std::string> steps = {"2 + 3 = 5, so 5.", "3 + 2 = 5, that is 5.", "Let n = 5.",
                                          "We see 1 + 4 = 5 as well."};
  std::string text;
  for (size_t i = 0; i < steps.size(); ++i) {
    text += Line(std::to_string(i), "Add 2 and 3.", steps[i], good);
  }
  CurateOptions options;
  options.in = folder.Write("in.jsonl", text);
  options.out = folder / "out.jsonl";
  const std::vector<Trace> traces = ReadTraces(options.in);
  std::set<Path> distinct;
  for (const Trace& trace : traces) {
    distinct.insert(AnalyzeTrace(trace, Guidelines::Default()).path);
  }
  ASSERT_GT(distinct.size(), 1u);
  EXPECT_EQ(Curate(options).choice.chosen.size(), distinct.size());
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
