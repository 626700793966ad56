#include "data/conversion/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "data/error.h"
#include "tests/data/conversion/conversion.h"
#include "tests/error_of.h"

namespace prm {
namespace {

using nlohmann::json;
using std::string_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Row(const std::string& id, const json& more = json::object()) {
  json row = {{"id", id}, {"problem", "p"}, {"steps", {"x", "y"}}};
  row.update(more);
  return row.dump() + "\n";
}

std::vector<std::string> Ids(const Imported& imported) {
  std::vector<std::string> ids;
  for (const Trace& trace : imported.traces) ids.push_back(trace.id);
  return ids;
}

// Returns the reason of the one refusal; the rest of the file must be read.
std::string Refused(const std::string& bad, const std::string& format = "native") {
  const Imported imported = ImportAs(format, Row("first") + bad + Row("last"));
  EXPECT_THAT(Ids(imported), ElementsAre("first", "last")) << bad.substr(0, 100);
  EXPECT_EQ(imported.report.refused, 1) << bad.substr(0, 100);
  EXPECT_EQ(imported.report.rows_in, 3);
  EXPECT_EQ(imported.report.rows_out, 2);
  if (imported.report.refusals.empty()) return "";
  EXPECT_THAT(imported.report.refusals[0].where, HasSubstr("in.jsonl:2"));
  return imported.report.refusals[0].reason;
}

TEST(Import, CountsRowsTracesStepsAndLabels) {
  const Imported imported = ImportAs(
      "native", Row("a", {{"labels", {"correct_redundant", "incorrect"}}}) +
                    Row("b", {{"labels", {"incomplete", nullptr}}, {"soft", {0.5, nullptr}}}));
  const ConversionReport& report = imported.report;
  EXPECT_EQ(report.rows_in, 2);
  EXPECT_EQ(report.traces, 2);
  EXPECT_EQ(report.steps, 4);
  EXPECT_EQ(report.labels, (std::map<std::string, int64_t>{{"correct_redundant", 1},
                                                           {"incomplete", 1},
                                                           {"incorrect", 1},
                                                           {"none", 1},
                                                           {"soft", 1}}));
  const json read = json::parse(ReportToJson(report));
  EXPECT_EQ(read["rows_in"], 2);
  EXPECT_EQ(read["policy"]["after_first_error"], "own");
  EXPECT_THAT(ReportToText(report), HasSubstr("redundant own, incomplete own"));
}

TEST(Import, AppliesThePolicyAndNamesIt) {
  ImportOptions options;
  options.policy = {.redundant = LabelFate::kNegative, .incomplete = LabelFate::kMasked};
  const Imported imported =
      Import(Row("a", {{"labels", {"correct_redundant", "incomplete"}}}), options);
  EXPECT_EQ(LabelsOf(imported.traces[0]), "X.");
  EXPECT_EQ(imported.report.changed.redundant, 1);
  EXPECT_EQ(imported.report.changed.incomplete, 1);
  EXPECT_EQ(imported.report.policy, options.policy);
}

TEST(Import, StrictStopsAtTheFirstRefusal) {
  ImportOptions options;
  options.format = "native";
  options.strict = true;
  EXPECT_THAT(MessageOf([&] { Import(Row("a") + "{}\n" + Row("b"), options); }),
              HasSubstr("in.jsonl:2: the field \"id\" is missing"));
}

TEST(Import, EveryRefusalIsHandedOnThoughTheReportListsAHundred) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += "{}\n";
  int told = 0;
  ImportOptions options;
  options.format = "native";
  options.on_refusal = [&told](const Refusal&) { ++told; };
  const Imported imported = Import(text, options);
  EXPECT_EQ(told, 150);
  EXPECT_EQ(imported.report.refused, 150);
  EXPECT_EQ(imported.report.refusals.size(), 100u);
  EXPECT_THAT(ReportToText(imported.report), HasSubstr("and 50 more"));
}

// --- bad input ----------------------------------------------------------------------------------

TEST(Import, RefusesMixedEncodings) {
  EXPECT_THAT(Refused("{\"id\":\"b\",\"problem\":\"caf\xe9\",\"steps\":[\"x\"]}\n"),
              HasSubstr("in.jsonl:2: not UTF-8 at byte 24"));
  EXPECT_THAT(Refused(R"({"id":"b","problem":"\ud800","steps":["x"]})"
                      "\n"),
              HasSubstr("surrogate"));
}

TEST(Import, RefusesBlocksOfPlainTextInOtherEncodings) {
  const Imported imported =
      ImportAs("text", "p\n1. a\n---\ncaf\xe9\n1. b\n---\n\xff\xfep\0\n1. c\n---\nq\n1. d\n"s);
  EXPECT_THAT(Ids(imported), ElementsAre("text/0", "text/3"));
  ASSERT_EQ(imported.report.refused, 2);
  EXPECT_THAT(imported.report.refusals[0].reason,
              HasSubstr("in.jsonl:4: not UTF-8 at byte 3 of the block"));
  EXPECT_THAT(imported.report.refusals[1].reason, HasSubstr("not UTF-8 at byte 0"));
}

TEST(Import, PlainTextLinesMayEndInCrLfOrCr) {
  for (const std::string& end : {"\n"s, "\r\n"s, "\r"s}) {
    std::string text = "\xef\xbb\xbf";
    for (const char* line : {"p", "1. a", "2. b", "---", "q", "no step", "===", "r", "1. c"}) {
      text += line + end;
    }
    const Imported imported = ImportAs("text", text);
    EXPECT_THAT(Ids(imported), ElementsAre("text/0", "text/2"));
    EXPECT_EQ(imported.traces.at(0).problem, "p");
    ASSERT_EQ(imported.report.refused, 1);
    EXPECT_THAT(imported.report.refusals[0].where, HasSubstr("in.jsonl:5"));
  }
}

TEST(Import, TakesByteOrderMarksAndCarriageReturns) {
  const Imported imported = Import(
      "\xef\xbb\xbf{\"id\":\"a\",\"problem\":\"p\",\r\n\"steps\":"
      "[\"x\"]}\r\n" +
      Row("b"));
  EXPECT_THAT(Ids(imported), ElementsAre("a", "b"));
  EXPECT_THAT(Refused("\xef\xbb\xbf" + Row("b")), HasSubstr("not valid JSON"))
      << "a mark inside the file is text";
}

TEST(Import, RefusesDuplicateIds) {
  EXPECT_THAT(Refused(Row("first")), HasSubstr("id: \"first\" came before"));
}

TEST(Import, RefusesAllOfARowWithADuplicateIdAndTakesItsOtherIdsLater) {
  const std::string tree =
      R"({"question":"p","reasoning_steps":[{"solution_prefix":"p a"},{"solution_prefix":"p b"}]})";
  ImportOptions options;
  options.format = "math-aps";
  const Imported imported = Import(tree + "\n" + tree + "\n", options);
  EXPECT_THAT(Ids(imported),
              ElementsAre("math-aps/0/0", "math-aps/0/1", "math-aps/1/0", "math-aps/1/1"));
}

TEST(Import, RefusesLabelsOfOtherSystems) {
  for (const json& labels :
       {json{"good", "bad"}, json{1, -1}, json{"+", "-"}, json{true, false}, json("correct")}) {
    EXPECT_THAT(Refused(Row("b", {{"labels", labels}})), HasSubstr("labels")) << labels;
  }
}

TEST(Import, RefusesLabelsOfTheWrongLength) {
  EXPECT_THAT(Refused(Row("b", {{"labels", {"incorrect"}}})), HasSubstr("expected 2 items"));
  EXPECT_THAT(Refused(Row("b", {{"labels", {nullptr, nullptr, nullptr}}})), HasSubstr("got 3"));
  EXPECT_THAT(Refused(Row("b", {{"soft", {0.5}}})), HasSubstr("expected 2 items"));
  const Imported trl = ImportAs("trl", R"({"prompt":"p","completions":["a","b"],"labels":[true]})");
  ASSERT_EQ(trl.report.refused, 1);
  EXPECT_THAT(trl.report.refusals[0].reason, HasSubstr("labels: expected 2 labels"));
}

TEST(Import, RefusesScoresThatAreNoNumberFromNullToOne) {
  EXPECT_THAT(Refused("{\"id\":\"b\",\"problem\":\"p\",\"steps\":[\"x\"],\"soft\":[NaN]}\n"),
              HasSubstr("not valid JSON"));
  EXPECT_THAT(Refused(Row("b", {{"soft", {"NaN", 1}}})), HasSubstr("a number"));
  EXPECT_THAT(Refused(Row("b", {{"soft", {1.5, 1}}})), HasSubstr("[0, 1]"));
  EXPECT_THAT(Refused(R"({"id":"b","problem":"p","steps":["x"],"soft":[1e999]})"
                      "\n"),
              HasSubstr("number"));
}

TEST(Import, RefusesIdsWithControlCharactersAndBlankOnes) {
  EXPECT_THAT(Refused(Row("b\nc")), HasSubstr(R"(no control characters, got "b\x0ac")"));
  EXPECT_THAT(Refused(Row(std::string("b\0c", 3))), HasSubstr(R"("b\x00c")"));
  EXPECT_THAT(Refused(Row("b\x7f")), HasSubstr("control"));
  EXPECT_THAT(Refused(Row("b\u0085")), HasSubstr("control"));
  EXPECT_THAT(Refused(Row(" ")), HasSubstr("a blank one"));
}

TEST(Import, RefusesBlankStepsAndProblems) {
  EXPECT_THAT(Refused(Row("b", {{"steps", {"x", " \t"}}})), HasSubstr("steps[1]"));
  EXPECT_THAT(Refused(Row("b", {{"steps", json::array()}})), HasSubstr("at least one step"));
  EXPECT_THAT(Refused(Row("b", {{"problem", " "}})), HasSubstr("expected a problem"));
}

TEST(Import, RefusesBracketsNestedDeep) {
  const std::string deep(100000, '[');
  EXPECT_THAT(Refused("{\"id\":\"b\",\"meta\":" + deep + std::string(100000, ']') + "}\n"),
              HasSubstr("deep"));
}

TEST(Import, TakesALineOfTenMegabytesAndAMillionSteps) {
  const std::string text(10 << 20, 'x');
  const Imported line = Import(Row("a", {{"problem", text}}));
  ASSERT_EQ(line.traces.size(), 1u);
  EXPECT_EQ(line.traces[0].problem, text);
  json steps = json::array(), labels = json::array();
  for (int i = 0; i < 1000000; ++i) {
    steps.push_back("s");
    labels.push_back("correct_necessary");
  }
  const Imported many = Import(Row("a", {{"steps", steps}, {"labels", labels}}));
  ASSERT_EQ(many.traces.size(), 1u);
  EXPECT_EQ(many.report.labels.at("correct_necessary"), 1000000);
}

// Looking each name up among all previous ones would take minutes.
TEST(Import, TakesARowOfManyMembers) {
  json row = {{"id", "a"}, {"problem", "p"}, {"steps", {"x"}}};
  json trl = {{"prompt", "p"}, {"completions", {"x"}}, {"labels", {true}}};
  for (int i = 0; i < 300000; ++i) {
    const std::string name = "m" + std::to_string(i);
    row[name] = trl[name] = row["meta"]["n" + name] = i;
  }
  EXPECT_EQ(json::parse(ImportAs("native", row.dump()).traces.at(0).meta_json).size(), 600000u);
  EXPECT_EQ(json::parse(ImportAs("trl", trl.dump()).traces.at(0).meta_json).size(), 300000u);
}

TEST(Import, SaysThatTheFileGrewWhileItWasRead) {
  const TempFolder folder;
  const std::filesystem::path file = folder.Write("in.jsonl", Row("a") + Row("b"));
  ImportOptions options;
  options.on_progress = [&file](const ConversionReport& report) {
    if (report.traces == 1) std::ofstream(file, std::ios::app) << Row("c");
  };
  const Imported imported = ImportFile(file, options);
  ASSERT_EQ(imported.report.notes.size(), 1u);
  EXPECT_THAT(imported.report.notes[0], HasSubstr("changed while it was read"));
  EXPECT_EQ(imported.report.rows_in, int64_t(imported.traces.size()));
  EXPECT_THAT(ImportFile(file).report.notes, ElementsAre());
}

TEST(Import, AFileThatCannotBeReadIsAnError) {
  EXPECT_THAT(MessageOf([] { ImportFile("/nowhere/in.jsonl"); }, ErrorCode::kNotFound),
              HasSubstr("/nowhere/in.jsonl"));
  const TempFolder folder;
  MessageOf([&] { ImportFile(folder.Write("a.jsonl.gz", "\x1f\x8b\x08 cut off")); },
            ErrorCode::kDataLoss);
}

}  // namespace
}  // namespace prm
