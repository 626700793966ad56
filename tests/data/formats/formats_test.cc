#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "data/error.h"
#include "tests/data/conversion/conversion.h"
#include "tests/error_of.h"

namespace prm {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The smallest row of each format that is read from JSON.
const std::map<std::string, std::string>& SmallRows() {
  static const std::map<std::string, std::string> rows = {
      {"native", R"({"id":"a","problem":"p","steps":["s"]})"},
      {"huggingface",
       R"({"id":"a","problem":"p","steps":["s"],"meta_json":null,"annotations_json":null})"},
      {"prm800k",
       R"({"question":{"problem":"p"},"label":{"steps":[{"completions":[{"text":"s","rating":1}],)"
       R"("human_completion":null,"chosen_completion":0}]}})"},
      {"math-shepherd", "{\"input\":\"p Step 1: s ки\",\"label\":\"p Step 1: s +\"}"},
      {"trl", R"({"prompt":"p","completions":["s"],"labels":[true]})"},
      {"math-aps",
       R"({"question":"p","reasoning_steps":[{"solution_prefix":"p\n\ns","mc_value":1}]})"},
      {"er-prm", "{\"text\":\"p Step 1: s ки\",\"value\":[0.5]}"},
      {"rlhflow", R"({"conversations":[{"role":"user","content":"p Step 1: s"},)"
                  R"({"role":"assistant","content":"+"}]})"},
      {"fover", R"({"problem":"p","solution_steps":["s"],"error_labels":[true]})"},
      {"processbench",
       R"({"id":"a","problem":"p","steps":["s"],"final_answer_correct":true,"label":-1})"},
      {"prmbench",
       R"({"idx":"a","original_question":"p","modified_question":"p","original_process":["s"],)"
       R"("modified_process":["s"],"error_steps":[1],"classification":"deception"})"},
      {"mr-gsm8k", R"({"uuid":"a","question":"p","model_output_steps":["s"],)"
                   R"("model_output_answer_correctness":"correct",)"
                   R"("model_output_solution_correctness":"correct",)"
                   R"("model_output_solution_first_error_step":"N/A"})"},
      {"mr-ben", R"({"Question_UUID":"a","Question":"p","Sampled_Model":"m",)"
                 R"("Model_Solution_Steps":["s"],"Model_Solution_Correctness":"correct",)"
                 R"("Model_Solution_First_Error_Step":"N/A"})"},
      {"bbm", R"({"input":"p","steps":["s"],"mistake_index":null})"},
      {"roscoe", R"({"instances":[{"id":1,"instance":"CONTEXT:\np\n\nGENERATED RESPONSE:\n)"
                 R"(Step 1 - s\nJUDGE: Step 1 - s","annotations":{}}]})"},
      {"verify-then-generate", R"({"problem":"p","reference_solution":"s",)"
                               R"("student_incorrect_solution":["s"],"incorrect_index":0})"},
      {"gsm8k", R"({"question":"p","answer":"s\n#### 4"})"},
  };
  return rows;
}

TEST(Formats, EachHasANameOfItsOwnAndAWayInOrOut) {
  std::set<std::string_view> names;
  for (const Format& format : Formats()) {
    EXPECT_TRUE(names.insert(format.name).second) << format.name;
    EXPECT_TRUE(format.read != nullptr || format.new_writer != nullptr) << format.name;
    EXPECT_FALSE(format.rows.empty()) << format.name;
    if (format.new_writer) CheckPolicy(format, format.write_policy);
    const bool is_json = format.read != nullptr && !format.is_text;
    EXPECT_EQ(SmallRows().count(std::string(format.name)), size_t(is_json)) << format.name;
  }
  EXPECT_THAT(MessageOf([] { FormatNamed("xml"); }), HasSubstr("native, huggingface, prm800k"));
}

TEST(Formats, EveryFormatIsRecognisedByItsRows) {
  for (const auto& [name, row] : SmallRows()) {
    const Imported imported = Import(row + "\n");
    EXPECT_EQ(imported.report.format, name);
    EXPECT_TRUE(imported.report.detected);
    ASSERT_EQ(imported.traces.size(), 1u) << name;
    EXPECT_EQ(imported.traces[0].problem, "p") << name;
    ASSERT_EQ(imported.traces[0].steps.size(), 1u) << name;
    EXPECT_EQ(imported.traces[0].steps[0].text, "s") << name;
  }
}

// Each member is removed, or set to another type; if the row is read, it must be a native trace.
TEST(Formats, RowsWithMissingOrWrongMembersAreReadOrRefusedWithTheirPlace) {
  const json values[] = {nullptr,
                         17,
                         -1,
                         "text",
                         "",
                         json::array(),
                         json::array({1, nullptr}),
                         json::array({"", "b"}),
                         json::object(),
                         true,
                         1e300};
  for (const auto& [name, row] : SmallRows()) {
    const json whole = json::parse(row);
    for (const auto& [member, value] : whole.items()) {
      std::vector<json> changed(1, whole);
      changed[0].erase(member);
      for (const json& other : values) {
        changed.push_back(whole);
        changed.back()[member] = other;
      }
      for (const json& bad : changed) {
        const Imported imported = ImportAs(name, bad.dump() + "\n");
        EXPECT_EQ(imported.report.rows_in, imported.report.rows_out + imported.report.refused);
        for (const Refusal& refusal : imported.report.refusals) {
          EXPECT_THAT(refusal.reason, HasSubstr("in.jsonl:1: ")) << name << " " << bad;
        }
        for (const Trace& trace : imported.traces) {
          EXPECT_EQ(TraceToJson(ParseTrace(TraceToJson(trace), "again")), TraceToJson(trace));
        }
      }
    }
  }
}

TEST(Formats, MembersThatAFormatDoesNotKnowAreKeptUnderMeta) {
  for (const auto& [name, row] : SmallRows()) {
    if (name == "huggingface" || name == "roscoe") continue;  // closed; kept by instance
    json extended = json::parse(row);
    extended["unheard_of"] = {{"k", {1, 2.5, "é"}}};
    const Imported imported = ImportAs(name, extended.dump() + "\n");
    ASSERT_EQ(imported.traces.size(), 1u) << name;
    EXPECT_THAT(imported.traces[0].meta_json, HasSubstr(R"("unheard_of":{"k":[1,2.5,"é"]})"))
        << name;
  }
}

TEST(Formats, TheNumbersOfRowsDoNotDependOnDetection) {
  const std::string text = SmallRows().at("trl") + "\nbad\n" + SmallRows().at("trl") + "\n";
  for (const char* format : {"auto", "trl"}) {
    const Imported imported = ImportAs(format, text);
    ASSERT_EQ(imported.traces.size(), 2u);
    EXPECT_EQ(imported.traces[0].id, "trl/0");
    EXPECT_EQ(imported.traces[1].id, "trl/2");
    ASSERT_EQ(imported.report.refused, 1);
    EXPECT_THAT(imported.report.refusals[0].where, HasSubstr("in.jsonl:2"));
  }
}

TEST(Formats, HuggingFaceTextsMustHoldOneValueOfTheirKind) {
  const json row = json::parse(SmallRows().at("huggingface"));
  const auto refusal = [&row](const char* member, const char* text) {
    json bad = row;
    bad[member] = text;
    const Imported imported = ImportAs("huggingface", bad.dump());
    return imported.report.refusals.empty() ? "" : imported.report.refusals[0].reason;
  };
  EXPECT_THAT(refusal("meta_json", "[]"), HasSubstr("expected an object"));
  EXPECT_THAT(refusal("meta_json", "{"), HasSubstr("meta_json: not valid JSON"));
  EXPECT_THAT(refusal("meta_json", "{},\"answer\":1"), HasSubstr("expected one JSON value"));
  EXPECT_THAT(refusal("annotations_json", "{}"), HasSubstr("expected an array"));
}

TEST(Formats, HalfCharactersInMembersThatAreKeptAreRefused) {
  for (const auto& [name, row] : SmallRows()) {
    std::string bad = row;
    bad.insert(bad.size() - 1, R"(,"unheard_of":"\ud800")");
    const Imported imported = ImportAs(name, bad);
    EXPECT_EQ(imported.report.refused, 1) << name;
  }
}

TEST(Formats, AFormatThatIsUnknownOrNotClearIsNamedAsSuch) {
  EXPECT_THAT(MessageOf([] { Import("{\"foo\":1,\"bar\":2}\n"); }, ErrorCode::kInvalidArgument),
              HasSubstr("no known one; name it (members: foo, bar)"));
  EXPECT_THAT(
      MessageOf([] { Import("{\"input\":\"\",\"label\":\"\",\"text\":\"\",\"value\":[]}\n"); }),
      HasSubstr("fits math-shepherd er-prm; name it"));
  EXPECT_THAT(
      MessageOf([] { Import(SmallRows().at("trl") + "\n" + SmallRows().at("native") + "\n"); }),
      HasSubstr("first 2 rows is that of no known one"));
  EXPECT_THAT(MessageOf([] { Import("1. One\n2. Two\n"); }), HasSubstr("as text for plain text"));
  EXPECT_THAT(MessageOf([] { ImportAs("sft", "{}"); }), HasSubstr("can be written, but not read"));
}

}  // namespace
}  // namespace prm
