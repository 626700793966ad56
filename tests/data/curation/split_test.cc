#include "data/curation/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "data/records/trace_reader.h"
#include "data/synth/synth.h"
#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

TEST(AssignParts, SharesAreMetWithinTheLargestGroup) {
  std::mt19937 random(1);
  std::vector<SplitGroup> groups;
  int64_t all = 0, largest = 0;
  for (uint64_t key = 0; key < 3000; ++key) {
    groups.push_back({key, 1 + int64_t(random() % 40)});
    all += groups.back().traces;
    largest = std::max(largest, groups.back().traces);
  }
  const std::array<double, kNumParts> shares = {7, 2, 1};
  const std::vector<int> parts = AssignParts(groups, shares, 5);
  std::array<int64_t, kNumParts> traces = {};
  for (size_t i = 0; i < groups.size(); ++i) traces[size_t(parts[i])] += groups[i].traces;
  for (size_t part = 0; part < kNumParts; ++part) {
    EXPECT_NEAR(double(traces[part]), double(all) * shares[part] / 10, double(largest)) << part;
  }
  EXPECT_NE(AssignParts(groups, shares, 6), parts);
}

TEST(AssignParts, TheOrderOfGroupsDoesNotMatter) {
  std::vector<SplitGroup> groups;
  for (uint64_t key = 0; key < 500; ++key) groups.push_back({key * 77, int64_t(1 + key % 9)});
  const std::vector<int> parts = AssignParts(groups, {8, 1, 1}, 3);
  std::map<uint64_t, int> by_key;
  for (size_t i = 0; i < groups.size(); ++i) by_key[groups[i].key] = parts[i];
  std::reverse(groups.begin(), groups.end());
  const std::vector<int> reversed = AssignParts(groups, {8, 1, 1}, 3);
  for (size_t i = 0; i < groups.size(); ++i) EXPECT_EQ(reversed[i], by_key[groups[i].key]);
}

// 6 of 10 in one group: placed last, it would break every share.
TEST(AssignParts, LargeGroupsComeFirst) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<SplitGroup> groups = {{100, 60}};
    for (uint64_t key = 0; key < 40; ++key) groups.push_back({key, 1});
    const std::vector<int> parts = AssignParts(groups, {6, 2, 2}, seed);
    std::array<int64_t, kNumParts> traces = {};
    for (size_t i = 0; i < groups.size(); ++i) traces[size_t(parts[i])] += groups[i].traces;
    EXPECT_EQ(traces, (std::array<int64_t, kNumParts>{60, 20, 20})) << seed;
  }
}

TEST(AssignParts, TheSeedDrawsAmongEqualGroups) {
  std::vector<SplitGroup> groups;
  for (uint64_t key = 0; key < 100; ++key) groups.push_back({key, 1});
  EXPECT_EQ(AssignParts(groups, {1, 1, 0}, 1), AssignParts(groups, {1, 1, 0}, 1));
  EXPECT_NE(AssignParts(groups, {1, 1, 0}, 1), AssignParts(groups, {1, 1, 0}, 2));
}

TEST(AssignParts, APartWithoutShareGetsNothing) {
  const std::vector<int> parts = AssignParts({{1, 5}, {2, 5}, {3, 1}}, {1, 0, 0}, 1);
  EXPECT_EQ(parts, (std::vector<int>{0, 0, 0}));
}

std::filesystem::path WriteSynth(const TempFolder& folder, int count) {
  TraceWriter writer(folder / "in.jsonl");
  for (const Trace& trace : Synthesize({.count = count})) writer.Write(trace);
  writer.Close();
  return folder / "in.jsonl";
}

std::string LineOf(int id, const std::string& problem, const std::string& meta = "{}") {
  return R"({"id":")" + std::to_string(id) + R"(","problem":")" + problem +
         R"(","steps":["s"],"source":"set","meta":)" + meta + "}\n";
}

SplitOptions OptionsFor(const TempFolder& folder, const std::filesystem::path& in) {
  return {.in = in, .out = {folder / "train", folder / "dev", folder / "test"}};
}

TEST(SplitByGroup, NoProblemIsInTwoPartsAndNoTraceIsLost) {
  const TempFolder folder;
  const auto in = WriteSynth(folder, 900);
  const SplitOptions options = OptionsFor(folder, in);
  const SplitResult result = SplitByGroup(options);
  std::map<std::string, std::set<size_t>> parts_of_problem;
  std::map<std::string, int> ids;
  for (size_t part = 0; part < kNumParts; ++part) {
    const std::vector<Trace> traces = ReadTraces(options.out[part]);
    EXPECT_EQ(int64_t(traces.size()), result.traces[part]);
    EXPECT_GT(traces.size(), 0u);
    for (const Trace& trace : traces) {
      parts_of_problem[trace.problem].insert(part);
      ++ids[trace.id];
    }
  }
  EXPECT_EQ(ids.size(), 900u);
  for (const auto& [problem, parts] : parts_of_problem) EXPECT_EQ(parts.size(), 1u) << problem;
}

// The part of each trace, by id.
std::map<std::string, size_t> PartsOf(const SplitOptions& options) {
  std::map<std::string, size_t> parts;
  for (size_t part = 0; part < kNumParts; ++part) {
    for (const Trace& trace : ReadTraces(options.out[part])) parts[trace.id] = part;
  }
  return parts;
}

// 40 templates with five numbers each, and 40 problems that the source words in five ways.
TEST(SplitByGroup, GroupsAreNotDividedWhateverTheOrderOfTheFile) {
  const TempFolder folder;
  std::vector<std::string> lines;
  for (int i = 0; i < 200; ++i) {
    const std::string group = std::to_string(i / 5), word(1, char('a' + i / 5 % 20));
    const std::string name = word + word + (i / 5 < 20 ? "x" : "y");
    lines.push_back(LineOf(i, name + " has " + std::to_string(i) + " apples"));
    lines.push_back(LineOf(200 + i, "told " + name + " in way " + std::string(1, char('p' + i % 5)),
                           "{\"problem_id\":" + group + "}"));
  }
  const auto join = [&] {
    std::string text;
    for (const std::string& line : lines) text += line;
    return text;
  };
  SplitOptions options = OptionsFor(folder, folder.Write("in.jsonl", join()));
  options.shares = {1, 1, 1};
  const SplitResult result = SplitByGroup(options);
  EXPECT_EQ(result.groups[0] + result.groups[1] + result.groups[2], 80);
  EXPECT_EQ(result.largest_group, 5);
  EXPECT_EQ(result.problems, 400);
  const std::map<std::string, size_t> parts = PartsOf(options);
  for (int i = 0; i < 400; ++i) {
    EXPECT_EQ(parts.at(std::to_string(i)), parts.at(std::to_string(i / 5 * 5))) << i;
  }
  std::mt19937 random(3);
  for (int trial = 0; trial < 3; ++trial) {
    std::shuffle(lines.begin(), lines.end(), random);
    options.in = folder.Write("in.jsonl", join());
    SplitByGroup(options);
    EXPECT_EQ(PartsOf(options), parts);
  }
}

TEST(SplitByGroup, TheLargestGroupIsSaid) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 6; ++i) text += LineOf(i, i == 0 ? "one" : i < 4 ? "the other" : "a third");
  EXPECT_EQ(SplitByGroup(OptionsFor(folder, folder.Write("in.jsonl", text))).largest_group, 3);
}

TEST(SplitByGroup, LinesStayAsTheyAreAndEqualSeedsGiveEqualFiles) {
  const TempFolder folder;
  const auto in =
      folder.Write("in.jsonl", R"(  {"problem":"p one","id":"1","steps":["s"],"own":  3} )"
                               "\n\n"
                               R"({"id":"2","problem":"quite another","steps":["s"]})"
                               "\n");
  SplitOptions options = OptionsFor(folder, in);
  SplitByGroup(options);
  const auto all = [&] { return ReadText(folder / "train") + ReadText(folder / "dev"); };
  const std::string first = all();
  EXPECT_THAT(first, HasSubstr(R"(  {"problem":"p one","id":"1","steps":["s"],"own":  3} )"));
  options.threads = 1;
  SplitByGroup(options);
  EXPECT_EQ(all(), first);
}

TEST(SplitByGroup, RefusesWhatItCannotDo) {
  const TempFolder folder;
  const auto in = folder.Write("in.jsonl", R"({"id":"1","problem":"p","steps":["s"]})");
  SplitOptions options = OptionsFor(folder, "-");
  EXPECT_THAT(MessageOf([&] { SplitByGroup(options); }), HasSubstr("standard input"));
  options = OptionsFor(folder, in);
  options.shares = {0, 0, 0};
  EXPECT_THAT(MessageOf([&] { SplitByGroup(options); }),
              HasSubstr("no part has a file and a share"));
  options.shares = {1, -1, 0};
  EXPECT_THAT(MessageOf([&] { SplitByGroup(options); }), HasSubstr("share of dev"));
  options.shares = {1, std::nan(""), 0};
  EXPECT_THAT(MessageOf([&] { SplitByGroup(options); }), HasSubstr("share of dev"));
  options.shares = {1, 1, 0};
  options.out[1] = "";
  EXPECT_THAT(MessageOf([&] { SplitByGroup(options); }), HasSubstr("dev has a share and no file"));
  EXPECT_EQ(Names(folder.path()), std::vector<std::string>{"in.jsonl"});
}

}  // namespace
}  // namespace prm
