#include "data/formats/prm800k.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "data/io/json_lines.h"
#include "data/io/json_rows.h"
#include "tests/data/conversion/conversion.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

json Completion(const std::string& text, const json& rating) {
  return {{"text", text}, {"rating", rating}, {"flagged", false}};
}

json RatedStep(const std::vector<json>& completions, const json& chosen,
               const json& human = nullptr) {
  return {{"completions", completions}, {"human_completion", human}, {"chosen_completion", chosen}};
}

json RowOf(const std::vector<json>& steps) {
  return {{"labeler", "l"},
          {"generation", nullptr},
          {"question", {{"problem", "p"}, {"ground_truth_answer", "29"}, {"extra", {1, 2}}}},
          {"label", {{"steps", steps}, {"total_time", 17}, {"finish_reason", "solution"}}}};
}

// Phase 1: a human wrote the second step, since all its completions are wrong.
json PhaseOne() {
  return RowOf({RatedStep({Completion("a", 1)}, 0),
                RatedStep({Completion("b", -1), Completion("c", -1)}, nullptr,
                          {{"text", "h"}, {"rating", nullptr}, {"source", "human"}}),
                RatedStep({Completion("d", 0), Completion("e", 1), Completion("f", -1)}, 1)});
}

// Phase 2: the first completion of the last step is the pre-generated one, and wrong.
json PhaseTwo() {
  return RowOf({RatedStep({Completion("a", 1)}, 0),
                RatedStep({Completion("b", -1), Completion("c", 1)}, nullptr)});
}

Trace TraceOf(const json& row) {
  const Imported imported = ImportAs("prm800k", row.dump() + "\n");
  EXPECT_EQ(imported.traces.size(), 1u);
  return imported.traces.at(0);
}

std::vector<std::string> Texts(const Trace& trace) {
  std::vector<std::string> texts;
  for (const Step& step : trace.steps) texts.push_back(step.text);
  return texts;
}

TEST(Prm800k, TheTraceIsThePathThatTheLabellerTook) {
  const Trace one = TraceOf(PhaseOne());
  EXPECT_THAT(Texts(one), ElementsAre("a", "h", "e"));
  EXPECT_EQ(LabelsOf(one), "N.N");
  EXPECT_EQ(one.reference_answer, "29");
  EXPECT_EQ(one.first_error, std::nullopt) << "the human step has no rating";
  EXPECT_TRUE(one.necessity_known);
  const Trace two = TraceOf(PhaseTwo());
  EXPECT_THAT(Texts(two), ElementsAre("a", "b"));
  EXPECT_EQ(LabelsOf(two), "NX");
  EXPECT_EQ(two.first_error, 1);
}

TEST(Prm800k, EveryRatedAlternativeSurvives) {
  const std::vector<Alternative> found = AlternativesOf(TraceOf(PhaseOne()));
  std::vector<std::string> names;
  for (const Alternative& alternative : found) {
    names.push_back(std::to_string(alternative.step) + alternative.text +
                    std::string(1, "NRXI"[size_t(alternative.label)]));
  }
  EXPECT_THAT(names, ElementsAre("1bX", "1cX", "2dR", "2fX"));
}

TEST(Prm800k, AnUnratedLastStepWithoutAChoiceEndsThePathBeforeIt) {
  const json given_up =
      RowOf({RatedStep({Completion("a", 1)}, 0), RatedStep({Completion("b", nullptr)}, nullptr)});
  EXPECT_THAT(Texts(TraceOf(given_up)), ElementsAre("a"));
  json none = RatedStep({}, nullptr);
  none["completions"] = nullptr;
  const json empty = RowOf({RatedStep({Completion("a", 1)}, 0), none});
  EXPECT_THAT(Texts(TraceOf(empty)), ElementsAre("a"));
}

TEST(Prm800k, RowsAgainstTheGrammarAreRefused) {
  const auto refused = [](const json& row) {
    const Imported imported = ImportAs("prm800k", row.dump() + "\n");
    EXPECT_EQ(imported.report.refused, 1) << row;
    return imported.report.refusals.empty() ? "" : imported.report.refusals[0].reason;
  };
  EXPECT_THAT(refused(RowOf({RatedStep({Completion("a", 2)}, 0)})), HasSubstr("-1, 0, 1 or null"));
  EXPECT_THAT(refused(RowOf({RatedStep({Completion("a", 1)}, 1)})), HasSubstr("an index into 1"));
  EXPECT_THAT(refused(RowOf(
                  {RatedStep({Completion("a", 1)}, nullptr), RatedStep({Completion("b", 1)}, 0)})),
              HasSubstr("label.steps[0]: neither chosen nor written"));
  EXPECT_THAT(refused(RowOf({})), HasSubstr("no step was chosen"));
  EXPECT_THAT(refused(RowOf({RatedStep({Completion(" ", 1)}, 0)})), HasSubstr("has no text"));
}

TEST(Prm800k, ImportAndExportGiveTheSameRows) {
  for (const json& row : {PhaseOne(), PhaseTwo()}) {
    const Exported exported = Export({TraceOf(row)}, "prm800k");
    ASSERT_EQ(exported.rows.size(), 1u);
    EXPECT_EQ(json::parse(exported.rows[0]), row);
    EXPECT_EQ(exported.report.not_carried.count("meta"), 0u);
  }
}

TEST(Prm800k, ImportAndExportGiveTheSameRealRows) {
  PRM_NEED_SHARED_DATA("native/prm800k_phase1_example.json");
  int rows_compared = 0;
  for (const char* name : {"prm800k_phase1_example.json", "prm800k_phase2_example.json",
                           "openr/samples_prm800k.jsonl"}) {
    const std::filesystem::path file = SharedData() / "native" / name;
    const Imported imported = ImportFile(file);
    EXPECT_EQ(imported.report.refused, 0) << name;
    const Exported exported = Export(imported.traces, "prm800k");
    JsonRows rows(file);
    size_t index = 0;
    for (JsonField row; rows.Next(&row); ++index, ++rows_compared) {
      const json original = json::parse(std::string(simdjson::minify(row.value)));
      EXPECT_EQ(json::parse(exported.rows.at(index)), original) << rows.where();
      size_t rated = 0;
      for (const json& step : original["label"]["steps"]) {
        for (const json& completion : step["completions"]) rated += !completion["rating"].is_null();
      }
      const Trace& trace = imported.traces.at(index);
      size_t kept = AlternativesOf(trace).size();
      for (const Step& step : trace.steps) kept += step.label.has_value();
      EXPECT_EQ(kept, rated) << rows.where() << ": every rated completion is there once";
    }
  }
  EXPECT_EQ(rows_compared, 10);
}

TEST(Prm800k, ALabelThatWasChangedIsWrittenAsItIsNow) {
  Trace trace = TraceOf(PhaseOne());
  trace.steps[0].label = StepLabel::kCorrectRedundant;
  trace.steps[0].text = "better";
  const json row = json::parse(Export({trace}, "prm800k").rows.at(0));
  EXPECT_EQ(row["label"]["steps"][0]["completions"][0],
            (json{{"text", "better"}, {"rating", 0}, {"flagged", false}}));
}

TEST(Prm800k, AlternativesMayBecomeTracesBehindTheSamePrefix) {
  ImportOptions options;
  options.format = "prm800k";
  options.read.alternatives = true;
  const Imported imported = Import(PhaseOne().dump() + "\n", options);
  ASSERT_EQ(imported.traces.size(), 5u);
  const Trace& alternative = imported.traces[4];
  EXPECT_EQ(alternative.id, "prm800k/0/2.2");
  EXPECT_THAT(Texts(alternative), ElementsAre("a", "h", "f"));
  EXPECT_EQ(LabelsOf(alternative), "..X") << "the steps before count with their own trace";
  EXPECT_EQ(json::parse(alternative.meta_json)["tree"]["parent"], "prm800k/0");
  EXPECT_TRUE(IsAlternative(alternative));
  EXPECT_FALSE(IsAlternative(imported.traces[0]));
  EXPECT_EQ(Export(imported.traces, "prm800k").rows.size(), 1u) << "they come with their parent";
}

TEST(Prm800k, RefusesAlternativesThatWouldFillTheMemory) {
  std::vector<json> alternatives = {Completion("b", 1)};
  for (int i = 0; i < 1500; ++i) alternatives.push_back(Completion(std::to_string(i), -1));
  const json row =
      RowOf({RatedStep({Completion(std::string(200000, 'x'), 1)}, 0), RatedStep(alternatives, 0)});
  ImportOptions options;
  options.read.alternatives = true;
  const Imported imported = Import(row.dump(), options);
  ASSERT_EQ(imported.report.refused, 1);
  EXPECT_THAT(imported.report.refusals[0].reason,
              HasSubstr("label.steps: the paths of one row as traces hold more than 268435456"));
  EXPECT_EQ(Import(row.dump()).traces.size(), 1u) << "as they stay in meta";
}

TEST(Prm800k, ATraceOfAnotherSourceBecomesARowWithOneCompletionAStep) {
  const Exported exported = Export({TraceWith("t", "NRX")}, "prm800k");
  const Imported back = ImportAs("prm800k", exported.text());
  ASSERT_EQ(back.traces.size(), 1u);
  EXPECT_EQ(back.traces[0].id, "t");
  EXPECT_EQ(LabelsOf(back.traces[0]), "NRX");
  EXPECT_EQ(json::parse(exported.rows[0])["label"]["finish_reason"], "found_error");
}

}  // namespace
}  // namespace prm
