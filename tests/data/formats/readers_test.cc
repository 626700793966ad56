// The readers that need only a few lines of tests each.
#include "data/formats/readers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/data/conversion/conversion.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Texts(const Trace& trace) {
  std::vector<std::string> texts;
  for (const Step& step : trace.steps) texts.push_back(step.text);
  return texts;
}

Trace One(std::string_view format, const json& row) {
  const Imported imported = ImportAs(format, row.dump() + "\n");
  for (const Refusal& refusal : imported.report.refusals) ADD_FAILURE() << refusal.reason;
  return imported.traces.empty() ? Trace() : imported.traces[0];
}

std::string Refusal1(std::string_view format, const json& row) {
  const Imported imported = ImportAs(format, row.dump() + "\n");
  EXPECT_EQ(imported.report.refused, 1) << row;
  return imported.report.refusals.empty() ? "" : imported.report.refusals[0].reason;
}

// --- rows with a label a step -------------------------------------------------------------------

TEST(TwoClassRows, TrueIsCorrectAndNullIsNotLabelled) {
  const Trace trl =
      One("trl",
          {{"prompt", "p"}, {"completions", {"a", "b", "c"}}, {"labels", {true, nullptr, false}}});
  EXPECT_EQ(LabelsOf(trl), "N.X");
  EXPECT_FALSE(trl.necessity_known);
  EXPECT_EQ(trl.id, "trl/0");
  const Trace fover = One(
      "fover", {{"problem", "p"}, {"solution_steps", {"a", "b"}}, {"error_labels", {true, false}}});
  EXPECT_EQ(LabelsOf(fover), "NX") << "true is correct, whatever the member's name says";
}

TEST(TwoClassRows, RefuseLabelsOfOtherSystemsAndOfTheWrongLength) {
  for (const json& label :
       {json(1), json(0), json("true"), json("+"), json(1.0), json("correct")}) {
    EXPECT_THAT(Refusal1("trl", {{"prompt", "p"}, {"completions", {"a"}}, {"labels", {label}}}),
                HasSubstr("labels[0]: expected true, false or null, got " + label.dump()));
    EXPECT_THAT(
        Refusal1("fover", {{"problem", "p"}, {"solution_steps", {"a"}}, {"error_labels", {label}}}),
        HasSubstr("error_labels[0]: expected true, false or null"));
  }
  const auto fover = [](const json& steps, const json& labels) {
    return Refusal1("fover",
                    {{"problem", "p"}, {"solution_steps", steps}, {"error_labels", labels}});
  };
  EXPECT_THAT(fover({"a", "b"}, {true}), HasSubstr("error_labels: expected 2 labels"));
  EXPECT_THAT(fover({"a", " "}, {true, true}), HasSubstr("a blank one at [1]"));
  EXPECT_THAT(fover(json::array(), json::array()), HasSubstr("at least one step"));
  EXPECT_THAT(fover({"a", nullptr}, {true, true}),
              HasSubstr("solution_steps[1]: expected a string"));
  EXPECT_THAT(fover("a", {true}), HasSubstr("solution_steps: expected an array"));
  EXPECT_THAT(fover({"a"}, nullptr), HasSubstr("error_labels: expected an array"));
}

// Extra members of the published sets.
TEST(TwoClassRows, FoverKeepsWhatStandsBesideTheSteps) {
  const Trace trace = One("fover", {{"id", "f-1"},
                                    {"problem", "p"},
                                    {"solution_steps", {"a"}},
                                    {"error_labels", {true}},
                                    {"messages", {{{"role", "user"}, {"content", "p"}}}},
                                    {"base_dataset", "b"}});
  EXPECT_EQ(trace.id, "f-1");
  EXPECT_EQ(json::parse(trace.meta_json),
            (json{{"messages", {{{"role", "user"}, {"content", "p"}}}}, {"base_dataset", "b"}}));
}

// --- rows with the first error ------------------------------------------------------------------

json ProcessBench(int label) {
  return {{"id", "q"},      {"generator", "g"},
          {"problem", "p"}, {"steps", {"a", "b", "c"}},
          {"label", label}, {"final_answer_correct", false}};
}

TEST(FirstErrorRows, StepsBehindTheFirstErrorHaveNoLabel) {
  EXPECT_EQ(LabelsOf(One("processbench", ProcessBench(-1))), "NNN");
  const Trace wrong = One("processbench", ProcessBench(1));
  EXPECT_EQ(LabelsOf(wrong), "NX.");
  EXPECT_EQ(wrong.first_error, 1);
  EXPECT_EQ(wrong.final_correct, false);
  EXPECT_EQ(wrong.meta_json, R"({"generator":"g"})");
  EXPECT_THAT(Refusal1("processbench", ProcessBench(3)), HasSubstr("a step from 0 to 2"));
  EXPECT_THAT(Refusal1("processbench", ProcessBench(-2)), HasSubstr("a step from 0 to 2"));
}

json MrGsm8k(const json& first_error, const char* verdict) {
  return {{"uuid", "u"},
          {"question", "p"},
          {"ground_truth_solution", "a = <<1+1=2>>2\n#### 2"},
          {"ground_truth_answer", 2},
          {"model_output_steps", {"Step 1:  a", "Step 2: b"}},
          {"model_output_answer_correctness", "wrong"},
          {"model_output_solution_correctness", verdict},
          {"model_output_solution_first_error_step", first_error}};
}

TEST(FirstErrorRows, MrGsm8kCountsFromOneAndMustAgreeWithItsVerdict) {
  const Trace trace = One("mr-gsm8k", MrGsm8k(2, "wrong"));
  EXPECT_THAT(Texts(trace), ElementsAre("a", "b"));
  EXPECT_EQ(LabelsOf(trace), "NX");
  EXPECT_EQ(trace.reference_answer, "2");
  EXPECT_EQ(LabelsOf(One("mr-gsm8k", MrGsm8k("N/A", "correct"))), "NN");
  EXPECT_THAT(Refusal1("mr-gsm8k", MrGsm8k("N/A", "wrong")), HasSubstr("as no step is wrong"));
  EXPECT_THAT(Refusal1("mr-gsm8k", MrGsm8k(1, "correct")), HasSubstr("as step 0 is"));
  EXPECT_THAT(Refusal1("mr-gsm8k", MrGsm8k(0, "wrong")), HasSubstr("from 1"));
  EXPECT_THAT(Refusal1("mr-gsm8k", MrGsm8k("two", "wrong")), HasSubstr("from 1"));
}

TEST(FirstErrorRows, ReferencesBecomeTracesWhereAskedFor) {
  ImportOptions options;
  options.read.references = true;
  const Imported imported = Import(MrGsm8k(1, "wrong").dump(), options);
  ASSERT_EQ(imported.traces.size(), 2u);
  EXPECT_EQ(imported.traces[1].id, "u:ref");
  EXPECT_THAT(Texts(imported.traces[1]), ElementsAre("a = <<1+1=2>>2", "#### 2"));
  EXPECT_EQ(LabelsOf(imported.traces[1]), "NN");
}

TEST(FirstErrorRows, MrBenFindsTheStepByItsMark) {
  const json row = {{"Question_UUID", "u"},
                    {"Question", "p"},
                    {"Options", "A: 1"},
                    {"Sampled_Model", "m"},
                    {"Model_Solution_Steps", {"Step 1: a", "", "more of a", "Step 2: b", "A"}},
                    {"Model_Solution_Correctness", "incorrect"},
                    {"Model_Solution_First_Error_Step", "2"}};
  const Trace trace = One("mr-ben", {{"u", json::array({row})}});
  EXPECT_EQ(trace.problem, "p\nA: 1");
  EXPECT_EQ(trace.id, "u:m");
  EXPECT_THAT(Texts(trace), ElementsAre("a", "more of a", "b", "A"));
  EXPECT_EQ(LabelsOf(trace), "NNX.");
}

TEST(FirstErrorRows, MrBenUnpacksListsUnderTheirKeys) {
  json row = {{"Question_UUID", "u"},
              {"Question", "p"},
              {"Sampled_Model", "m"},
              {"Model_Solution_Steps", {"a"}},
              {"Model_Solution_Correctness", "correct"},
              {"Model_Solution_First_Error_Step", "N/A"}};
  json other = row, broken = row;
  other["Sampled_Model"] = "n";
  broken.erase("Question");
  const Imported imported =
      Import(json{{"u", json::array({row, broken})}, {"v", json::array({other})}}.dump());
  EXPECT_EQ(imported.report.format, "mr-ben");
  EXPECT_EQ(imported.report.rows_in, 3);
  EXPECT_EQ(imported.traces.size(), 2u);
  ASSERT_EQ(imported.report.refused, 1);
  EXPECT_THAT(imported.report.refusals[0].reason, HasSubstr("u[1]: the field \"Question\""));
}

TEST(FirstErrorRows, BigBenchMistakeComparesTheAnswers) {
  const json row = {{"input", "p"},
                    {"steps", {"a"}},
                    {"target", "(B)"},
                    {"answer", "(A)"},
                    {"mistake_index", nullptr}};
  EXPECT_EQ(One("bbm", row).final_correct, false);
  EXPECT_EQ(LabelsOf(One("bbm", row)), "N");
}

// --- rows with kinds of flaws -------------------------------------------------------------------

json PrmBench(const char* classification, const json& error_steps) {
  return {{"idx", "i"},
          {"original_question", "p"},
          {"modified_question", "q"},
          {"original_process", {"a", "b"}},
          {"modified_process", {"a", "x", "b"}},
          {"error_steps", error_steps},
          {"reason", "r"},
          {"classification", classification}};
}

TEST(FlawRows, PrmBenchLabelsByClassification) {
  const Trace redundant = One("prmbench", PrmBench("redundency", {2}));
  EXPECT_EQ(LabelsOf(redundant), "NRN");
  EXPECT_TRUE(redundant.necessity_known);
  EXPECT_EQ(redundant.problem, "q");
  EXPECT_EQ(redundant.id, "i:redundency");
  EXPECT_EQ(redundant.first_error, -1);
  const Trace missing = One("prmbench", PrmBench("missing_condition", {2, 3}));
  EXPECT_EQ(LabelsOf(missing), "NII");
  EXPECT_FALSE(missing.necessity_known);
  EXPECT_EQ(LabelsOf(One("prmbench", PrmBench("deception", {1}))), "XNN");
  EXPECT_THAT(Refusal1("prmbench", PrmBench("typo", {1})), HasSubstr("one of redundency"));
  EXPECT_THAT(Refusal1("prmbench", PrmBench("deception", {4})), HasSubstr("from 1 to 3"));
  EXPECT_THAT(Refusal1("prmbench", PrmBench("deception", {0})), HasSubstr("from 1 to 3"));
}

TEST(FlawRows, PrmBenchRowsShareTheirOriginal) {
  ImportOptions options;
  options.read.references = true;
  const Imported imported = Import(
      PrmBench("redundency", {2}).dump() + "\n" + PrmBench("deception", {1}).dump(), options);
  EXPECT_EQ(imported.traces.size(), 3u);
  EXPECT_EQ(imported.report.refused, 0);
  EXPECT_EQ(imported.report.left_out.at("references that came before"), 1);
}

json Instance(const std::string& step, const json& yes) {
  json annotations = {{"Grammar", {{"majority_human", "yes"}}}};
  for (const char* name : {"Factuality", "Redundancy", "Repetition"}) {
    annotations[name] = {{"majority_human", "no"}};
  }
  for (const json& name : yes) annotations[name.get<std::string>()]["majority_human"] = "yes";
  return {{"id", 1},
          {"instance",
           "Do this.\nCONTEXT:\np\n\nGENERATED RESPONSE:\nStep 1 - a\nStep 2 - b\n"
           "Step 3 - c\nJUDGE: " +
               step + "\n "},
          {"annotations", annotations}};
}

TEST(FlawRows, RoscoeJoinsTheInstancesOfOneResponse) {
  const json file = {
      {"dataset", "d"},
      {"instances",
       {Instance("Step 1 - a", json::array()), Instance("Step 2 - b", {"Repetition"}),
        Instance("Step 3 - c", {"Factuality", "Redundancy"})}}};
  const Trace trace = One("roscoe", file);
  EXPECT_EQ(trace.problem, "p");
  EXPECT_THAT(Texts(trace), ElementsAre("a", "b", "c"));
  EXPECT_EQ(LabelsOf(trace), "NRX");
  EXPECT_EQ(trace.first_error, 2);
  json short_one = file;
  short_one["instances"].erase(1);
  EXPECT_THAT(Refusal1("roscoe", short_one), HasSubstr("expected 3 instances"));
}

// --- tagged texts -------------------------------------------------------------------------------

TEST(TaggedText, MathShepherdReadsProblemStepsAndTags) {
  const Trace trace =
      One("math-shepherd", {{"input", "p? Step 1: a ки\nStep 2: b ки\nStep 3: c ки"},
                            {"label", "p? Step 1: a +\nStep 2: b -\nStep 3: c ки"},
                            {"task", "MATH"}});
  EXPECT_EQ(trace.problem, "p?");
  EXPECT_THAT(Texts(trace), ElementsAre("a", "b", "c"));
  EXPECT_EQ(LabelsOf(trace), "NX.");
  EXPECT_EQ(trace.meta_json, R"({"task":"MATH"})");
}

TEST(TaggedText, MathShepherdRefusesWhatItCannotReadInOneWay) {
  const auto refusal = [](const char* input, const char* label) {
    return Refusal1("math-shepherd", {{"input", input}, {"label", label}});
  };
  EXPECT_THAT(refusal("p Step 1: a", "p Step 1: a"), HasSubstr("expected the tag"));
  EXPECT_THAT(refusal("p Step 1: a ки", "p Step 1: a "), HasSubstr("expected + or -"));
  EXPECT_THAT(refusal("p Step 1: a ки", "p Step 1: b +"), HasSubstr("differs from the input"));
  EXPECT_THAT(refusal("p Step 1: a ки", "p Step 1: a + b"), HasSubstr("after the last tag"));
  EXPECT_THAT(refusal("p a ки", "p a +"), HasSubstr("at the end of the problem, got none"));
  EXPECT_THAT(refusal("p Step 1: Step 1: a ки", "p Step 1: Step 1: a +"), HasSubstr("twice"));
}

TEST(TaggedText, ErPrmGivesSoftValues) {
  const Trace trace =
      One("er-prm", {{"text", "p Step 1: a ки\nStep 2: b ки"}, {"value", {0.25, 1}}});
  EXPECT_EQ(trace.steps.at(0).soft, 0.25f);
  EXPECT_EQ(trace.steps.at(1).soft, 1.0f);
  EXPECT_EQ(LabelsOf(trace), "..");
  EXPECT_THAT(Refusal1("er-prm", {{"text", "p Step 1: a ки"}, {"value", {0.25, 1}}}),
              HasSubstr("expected 1 values"));
}

TEST(TaggedText, ErPrmRefusesValuesThatAreNoShares) {
  for (const json& value : {json(-0.1), json(1.001), json(7), json(nullptr), json("0.5"),
                            json("NaN"), json(true), json::array({0.5})}) {
    EXPECT_THAT(Refusal1("er-prm", {{"text", "p Step 1: a ки"}, {"value", {value}}}),
                HasSubstr("value[0]: expected a number"))
        << value;
  }
  const Imported nan = ImportAs("er-prm", "{\"text\":\"p Step 1: a ки\",\"value\":[NaN]}\n");
  ASSERT_EQ(nan.report.refused, 1);
  EXPECT_THAT(nan.report.refusals[0].reason, HasSubstr("not valid JSON"));
  const auto refusal = [](const char* text, const json& values) {
    return Refusal1("er-prm", {{"text", text}, {"value", values}});
  };
  EXPECT_THAT(refusal("p Step 1: a ки\nStep 2: b ки", {0.5}), HasSubstr("expected 2 values"));
  EXPECT_THAT(refusal("p Step 1: a", json::array()), HasSubstr("expected the tag"));
  EXPECT_THAT(refusal("p a ки", {0.5}), HasSubstr("at the end of the problem, got none"));
  EXPECT_THAT(refusal("Step 1: a ки", {0.5}), HasSubstr("expected a problem"));
  EXPECT_THAT(refusal("p Step 1: a ки ки", {0.5, 0.5}), HasSubstr("a blank one at [1]"));
}

json Turn(const char* role, const char* content) { return {{"role", role}, {"content", content}}; }

// The two published sets: one marks its steps, the other does not show where the problem ends.
TEST(TaggedText, RlhflowRowsWithoutAMarkAreRefusedUnlessOneIsNamed) {
  const json row = {{"conversations",
                     {Turn("user", "p? First, a"), Turn("assistant", "+"), Turn("user", "Then b"),
                      Turn("assistant", "+")}}};
  EXPECT_THAT(Refusal1("rlhflow", row), HasSubstr("at the end of the problem, got none"));
  ImportOptions options;
  options.read.first_step_mark = "First,";
  const Imported imported = Import(row.dump(), options);
  ASSERT_EQ(imported.traces.size(), 1u);
  EXPECT_EQ(imported.traces[0].problem, "p?");
  EXPECT_THAT(Texts(imported.traces[0]), ElementsAre("First, a", "Then b"));
}

TEST(TaggedText, RlhflowRefusesOtherTurnsAndLabels) {
  const auto refusal = [](const json& turns) {
    return Refusal1("rlhflow", {{"conversations", turns}});
  };
  const json step = Turn("user", "p Step 1: a");
  for (const char* label : {"good", "", "1", "++", "\u2212", "+ because"}) {
    EXPECT_THAT(refusal({step, Turn("assistant", label)}),
                HasSubstr("conversations[1].content: expected \"+\" or \"-\""))
        << label;
  }
  EXPECT_THAT(refusal({step, {{"role", "assistant"}, {"content", nullptr}}}),
              HasSubstr("expected a string"));
  EXPECT_THAT(refusal({Turn("system", "You judge."), Turn("assistant", "+")}),
              HasSubstr("expected \"user\" in this turn"));
  EXPECT_THAT(refusal({{{"from", "human"}, {"value", "p Step 1: a"}}}),
              HasSubstr("\"role\" is missing"));
  EXPECT_THAT(refusal({step, Turn("assistant", "+"), Turn("user", " "), Turn("assistant", "-")}),
              HasSubstr("a blank one at [1]"));
  EXPECT_THAT(refusal(json::array()), HasSubstr("at least one step"));
  EXPECT_THAT(refusal("p"), HasSubstr("expected an array"));
}

TEST(TaggedText, RlhflowReadsTurns) {
  const json good = {{"conversations",
                      {Turn("user", "p Step 1: a"), Turn("assistant", "+"),
                       Turn("user", "Step 2: b"), Turn("assistant", "-")}}};
  const Trace trace = One("rlhflow", good);
  EXPECT_EQ(trace.problem, "p");
  EXPECT_THAT(Texts(trace), ElementsAre("a", "b"));
  EXPECT_EQ(LabelsOf(trace), "NX");
  json bad = good;
  bad["conversations"].erase(3);
  EXPECT_THAT(Refusal1("rlhflow", bad), HasSubstr("no + or - after it"));
  bad["conversations"][1]["role"] = "user";
  EXPECT_THAT(Refusal1("rlhflow", bad), HasSubstr("\"assistant\" in this turn"));
}

// --- MATH-APS -----------------------------------------------------------------------------------

TEST(MathAps, FlatPrefixesAndTreesGiveTheSamePaths) {
  const json flat = {{"question", "p"},
                     {"final_answer", "4"},
                     {"reasoning_steps",
                      {{{"solution_prefix", "p\n\na\n\nc"}, {"mc_value", 1}},
                       {{"solution_prefix", "p"}, {"mc_value", 0.5}},
                       {{"solution_prefix", "p\n\na"}, {"mc_value", 0.75}},
                       {{"solution_prefix", "p\n\nab"}, {"mc_value", 0}},
                       {{"solution_prefix", "p\n\na\n\nb"}, {"mc_value", 0.25}}}}};
  const auto leaf = [](const char* text, double value) {
    return json{{"text", text}, {"mc_value", value}, {"children", json::array()}};
  };
  const json tree = {
      {"question", "p"},
      {"final_answer", "4"},
      {"reasoning_steps",
       {{"text", "p"},
        {"mc_value", 0.5},
        {"children",
         {{{"text", "a"}, {"mc_value", 0.75}, {"children", {leaf("b", 0.25), leaf("c", 1)}}},
          leaf("ab", 0)}}}}};
  for (const json& row : {flat, tree}) {
    const Imported imported = ImportAs("math-aps", row.dump());
    std::vector<std::string> paths;
    for (const Trace& trace : imported.traces) {
      std::string path;
      for (const Step& step : trace.steps) path += step.text + "/";
      paths.push_back(path);
      EXPECT_EQ(trace.reference_answer, "4");
      EXPECT_EQ(trace.meta_json, R"({"root_value":[0.5]})");
    }
    EXPECT_THAT(paths, ElementsAre("a/b/", "a/c/", "ab/")) << "ab is no step behind a";
    ASSERT_FALSE(imported.traces.empty());
    EXPECT_EQ(imported.traces[0].steps[0].soft, 0.75f);
    EXPECT_EQ(imported.traces[0].steps[1].soft, 0.25f);
  }
}

// A row of 240 kB whose 1,500 paths share steps that would take 300 MB.
TEST(MathAps, RefusesATreeWhosePathsWouldFillTheMemory) {
  json children = json::array();
  for (int i = 0; i < 1500; ++i) children.push_back({{"text", std::to_string(i)}});
  const json row = {
      {"question", "p"},
      {"reasoning_steps",
       {{"text", "p"},
        {"children", {{{"text", std::string(200000, 'x')}, {"children", std::move(children)}}}}}}};
  EXPECT_THAT(Refusal1("math-aps", row), HasSubstr("268435456 bytes together, the limit of a row"));
}

TEST(MathAps, ARepeatedPrefixHasTheMeanAndKeepsItsValues) {
  const json row = {{"question", "p"},
                    {"reasoning_steps",
                     {{{"solution_prefix", "p\n\na"}, {"mc_value", 0.25}},
                      {{"solution_prefix", "p\n\na\n"}, {"mc_value", 0.75}}}}};
  const Trace trace = One("math-aps", row);
  EXPECT_EQ(trace.steps.at(0).soft, 0.5f);
  EXPECT_EQ(trace.meta_json, R"({"repeated":{"0":[0.25,0.75]}})");
}

// --- texts --------------------------------------------------------------------------------------

TEST(Gsm8k, CalculatorMarksGoWhereAskedFor) {
  const std::string row =
      R"({"question":"p","answer":"It is 1+1=<<1+1=2>>2.\nTwice <<2*2=4>>4.\n#### 4"})";
  ImportOptions options;
  const Trace meta = Import(row, options).traces.at(0);
  EXPECT_THAT(Texts(meta), ElementsAre("It is 1+1=2.", "Twice 4."));
  EXPECT_THAT(meta.meta_json, HasSubstr(R"("calculator":[["1+1=2"],["2*2=4"]])"));
  EXPECT_EQ(meta.reference_answer, "4");
  options.read.calculator_marks = CalculatorMarks::kKeep;
  EXPECT_THAT(Texts(Import(row, options).traces.at(0)).at(0), "It is 1+1=<<1+1=2>>2.");
  options.read.calculator_marks = CalculatorMarks::kStrip;
  EXPECT_EQ(Import(row, options).traces.at(0).meta_json, R"({"label_kind":"reference"})");
  EXPECT_THAT(Refusal1("gsm8k", {{"question", "p"}, {"answer", "a"}}), HasSubstr("####"));
}

Imported Text(std::string_view text, SplitRule rule) {
  ImportOptions options;
  options.format = "text";
  options.read.split = rule;
  return Import(text, options);
}

TEST(PlainText, NumberedStepsStartWithTheNextNumber) {
  const Imported imported = Text(
      "Solve\n3x = 9.\n\n1. Divide by 3.\n3. is no mark here\n2) So x = 3.\r\n---\nStep 1: a\n"
      "(2) b\n1.5 kg\n=====\nno steps\n",
      SplitRule::kNumbered);
  ASSERT_EQ(imported.traces.size(), 1u);
  EXPECT_EQ(imported.traces[0].problem, "Solve\n3x = 9.");
  EXPECT_THAT(Texts(imported.traces[0]),
              ElementsAre("Divide by 3.\n3. is no mark here", "So x = 3."));
  ASSERT_EQ(imported.report.refused, 2);
  EXPECT_THAT(imported.report.refusals[0].reason, HasSubstr("in.jsonl:8: expected a problem"));
  EXPECT_THAT(imported.report.refusals[1].reason, HasSubstr("in.jsonl:12: expected a line that"));
}

std::vector<std::string> Steps(const std::string& solution) {
  const Imported imported = Text("What is x?\n\n" + solution, SplitRule::kNumbered);
  if (imported.traces.empty()) return {"refused: " + imported.report.refusals.at(0).reason};
  EXPECT_EQ(imported.traces[0].problem, "What is x?") << solution;
  return Texts(imported.traces[0]);
}

TEST(PlainText, StepHeadsAreReadAsPeopleWriteThem) {
  for (const char* solution : {
           "Step 1: Add.\nStep 2: Halve.",
           "STEP 1. Add.\nstep 2) Halve.",
           "Step 1 - Add.\nStep 2 \u2013 Halve.",
           "Step 1\nAdd.\nStep 2\nHalve.",
           "**Step 1:** Add.\n\n**Step 2:** Halve.",
           "**Step 1**: Add.\n**Step 2** Halve.",
           "**Step 1: Add.**\n**Step 2: Halve.**",
           "*Step 1* - Add.\n__Step 2__: Halve.",
           "### Step 1: Add.\n### Step 2: Halve. ###",
           "## **Step 1**\nAdd.\n## **Step 2**\nHalve.",
           "- Step 1: Add.\n> Step 2: Halve.",
           "\u7b2c1\u6b65\uff1aAdd.\n\u7b2c 2 \u6b65\u3001Halve.",
           "\u6b65\u9aa41\uff1aAdd.\n\u6b65\u9aa42: Halve.",
           "**1.** Add.\n**2.** Halve.",
           "### 1. Add.\n### 2. Halve.",
       }) {
    EXPECT_THAT(Steps(solution), ElementsAre("Add.", "Halve.")) << solution;
  }
}

TEST(PlainText, AListInsideAStepBelongsToIt) {
  EXPECT_THAT(Steps("Step 1: We know\n1. a = 1\n2. b = 2\nStep 2: Add.\n2) no\n(3) no"),
              ElementsAre("We know\n1. a = 1\n2. b = 2", "Add.\n2) no\n(3) no"));
  EXPECT_THAT(Steps("1. We know\n  1. a = 1\n  2. b = 2\n2. Add."),
              ElementsAre("We know\n  1. a = 1\n  2. b = 2", "Add."));
  EXPECT_THAT(Steps("1. We know\n(1) a = 1\n(2) b = 2\n2. Add."),
              ElementsAre("We know\n(1) a = 1\n(2) b = 2", "Add."));
}

TEST(PlainText, WhatOnlySpeaksOfAStepIsNoHead) {
  EXPECT_THAT(Steps("Step 1: Add.\nStep 1 gives 5.\nStep 2: Halve.\nSteps 3: no.\nStep 2.5: no."),
              ElementsAre("Add.\nStep 1 gives 5.", "Halve.\nSteps 3: no.\nStep 2.5: no."));
}

TEST(PlainText, AHeadOutOfItsTurnIsRefused) {
  EXPECT_THAT(Steps("Step 1: a\nStep 3: b"),
              ElementsAre(HasSubstr("expected the head of step 2, got that of step 3")));
  EXPECT_THAT(Steps("Step 1: a\nStep 2: b\nStep 1: c"),
              ElementsAre(HasSubstr("expected the head of step 3, got that of step 1")));
}

TEST(PlainText, OtherRulesSplitBehindTheFirstBlankLine) {
  constexpr std::string_view kText =
      "A problem.\nIt goes on.\n\nMr. A has 3.5 kg. Is it so? Yes\nit is.\n\n2. Done (e.g. this). "
      "End";
  EXPECT_THAT(Texts(Text(kText, SplitRule::kLines).traces.at(0)),
              ElementsAre("Mr. A has 3.5 kg. Is it so? Yes", "it is.", "2. Done (e.g. this). End"));
  EXPECT_THAT(Texts(Text(kText, SplitRule::kParagraphs).traces.at(0)),
              ElementsAre("Mr. A has 3.5 kg. Is it so? Yes\nit is.", "2. Done (e.g. this). End"));
  const Trace sentences = Text(kText, SplitRule::kSentences).traces.at(0);
  EXPECT_EQ(sentences.problem, "A problem.\nIt goes on.");
  EXPECT_THAT(Texts(sentences), ElementsAre("Mr. A has 3.5 kg.", "Is it so?", "Yes\nit is.",
                                            "2. Done (e.g. this).", "End"));
}

// --- real samples -------------------------------------------------------------------------------

// Problem, steps, labels and first error of the sets built from the same files.
TEST(Readers, RealSamplesEqualTheSharedTraces) {
  PRM_NEED_SHARED_DATA("steps/train.jsonl.xz");
  std::map<std::string, Trace> shared;
  for (const char* name :
       {"train.jsonl.xz", "dev.jsonl.xz", "public_test_processbench_gsm8k.jsonl.xz"}) {
    for (Trace& trace : ReadTraces(SharedData() / "steps" / name)) {
      shared[trace.id] = std::move(trace);
    }
  }
  struct Sample {
    const char *file, *source;
    size_t compared;
  };
  const auto without_space = [](const Trace& trace) {
    std::string text;
    for (const Step& step : trace.steps) text += step.text + "\n";
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\t'; });
    return text;
  };
  for (const Sample& sample :
       {Sample{"mr_ben_physics.json.xz", "mr_ben_physics", 663},
        Sample{"mr_gsm8k_100.json.xz", "mr_gsm8k_partial", 97},
        Sample{"prmbench_train_p1_redundency_missing_condition.jsonl.xz", "prmbench_train_p1", 770},
        Sample{"processbench_gsm8k.json.xz", "processbench_gsm8k", 198},
        Sample{"roscoe_esnli_stepwise.json.xz", "roscoe_esnli", 151},
        Sample{"bigbench_mistake_word_sorting.jsonl.xz", "bbm_word_sorting", 300},
        Sample{"verify_then_generate_100.json.xz", "verify_then_generate", 100}}) {
    ImportOptions options;
    options.read.source = sample.source;
    const Imported imported = ImportFile(SharedData() / "native" / sample.file, options);
    size_t compared = 0;
    for (const Trace& trace : imported.traces) {
      const bool has_source = trace.id.starts_with(std::string(sample.source) + "/");
      const auto found =
          shared.find(has_source ? trace.id : std::string(sample.source) + "/" + trace.id);
      if (found == shared.end()) continue;
      ++compared;
      EXPECT_EQ(trace.problem, found->second.problem) << trace.id;
      EXPECT_EQ(without_space(trace), without_space(found->second)) << trace.id;
      EXPECT_EQ(LabelsOf(trace), LabelsOf(found->second)) << trace.id;
      EXPECT_EQ(trace.first_error, found->second.first_error) << trace.id;
      EXPECT_EQ(trace.necessity_known, found->second.necessity_known) << trace.id;
    }
    EXPECT_EQ(compared, sample.compared) << sample.file;
  }
}

TEST(Readers, RealSamplesOfTreesAndTagsAreReadWhole) {
  PRM_NEED_SHARED_DATA("native/openr/samples_math-aps.jsonl");
  const std::filesystem::path openr = SharedData() / "native" / "openr";
  for (const char* name : {"samples_math-aps.jsonl", "samples_math-aps-tree.jsonl"}) {
    const Imported imported = ImportFile(openr / name);
    EXPECT_EQ(imported.report.refused, 0) << name;
    EXPECT_EQ(imported.report.labels.at("soft"), imported.report.steps) << name;
  }
  const Imported shepherd = ImportFile(openr / "samples_math-shepherd.jsonl");
  EXPECT_EQ(shepherd.report.refused, 0);
  EXPECT_EQ(shepherd.report.labels.at("incorrect"), 20);
}

}  // namespace
}  // namespace prm
