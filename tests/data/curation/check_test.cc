#include "data/curation/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "data/curation/qa_lines.h"
#include "data/io/json_text.h"
#include "data/records/trace_reader.h"
#include "tests/error_of.h"
#include "tests/shared_data.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::string Quote(std::string_view text) {
  std::string json;
  AppendJsonString(text, &json);
  return json;
}

std::string Line(std::string_view id, std::string_view problem, std::string_view step,
                 std::string_view more) {
  return "{\"id\":" + Quote(id) + ",\"problem\":" + Quote(problem) + ",\"steps\":[" + Quote(step) +
         "]" + std::string(more) + "}\n";
}

constexpr std::string_view kGood = R"(,"labels":["correct_necessary"],"domain":"math")";
constexpr std::string_view kBad = R"(,"labels":["incorrect"],"domain":"math")";

CheckReport Check(const TempFolder& folder, const std::string& text, size_t examples = 20) {
  CheckOptions options;
  options.in = folder.Write("in.jsonl", text);
  options.examples = examples;
  return CheckTraces(options);
}

TEST(Check, CountsWhatTheFileHolds) {
  const TempFolder folder;
  const CheckReport report =
      Check(folder, Line("a", "p", "s", kGood) + Line("a", "p two", "t", kBad) + "{}\nnot json\n" +
                        Line("c", "p three", "u", R"(,"source":"x","necessity_known":false)"));
  EXPECT_EQ(report.rows, 3);
  EXPECT_EQ(report.refused.count, 2);
  ASSERT_EQ(report.refused.messages.size(), 2u);
  EXPECT_THAT(report.refused.messages[0], HasSubstr("in.jsonl:3:"));
  EXPECT_EQ(report.steps, 3);
  EXPECT_EQ(report.labels[0], 1);
  EXPECT_EQ(report.labels[2], 1);
  EXPECT_EQ(report.unlabelled_steps, 1);
  EXPECT_EQ(report.necessity_unknown, 1);
  EXPECT_EQ(report.repeated_ids.count(), 1);
  EXPECT_EQ(report.sources.at("x"), 1);
  EXPECT_EQ(report.domains.at("math"), 2);
  EXPECT_EQ(report.problems, 3);
  EXPECT_EQ(report.groups, 3);
}

TEST(Check, TheQaTableIsFilled) {
  const TempFolder folder;
  const auto line = [](const char* id, std::string_view labels, bool right) {
    return Line(id, std::string("p ") + id, "s",
                std::string(labels) + ",\"final_correct\":" + (right ? "true" : "false"));
  };
  const CheckReport report =
      Check(folder, line("a", kGood, true) + line("b", kGood, false) + line("c", kBad, true) +
                        line("d", kBad, false) + Line("e", "p e", "s", kGood));
  EXPECT_EQ(report.statuses[size_t(QaStatus::kPass)], 1);
  EXPECT_EQ(report.statuses[size_t(QaStatus::kConflict)], 1);
  EXPECT_EQ(report.statuses[size_t(QaStatus::kFailRightAnswerWrongProcess)], 1);
  EXPECT_EQ(report.statuses[size_t(QaStatus::kFailWrongProcess)], 1);
  EXPECT_EQ(report.statuses[size_t(QaStatus::kHold)], 1);
  EXPECT_EQ(report.right_answer_wrong_process.findings()[0].id, "c");
  EXPECT_EQ(report.right_answer_wrong_process.findings()[0].step, 0);
  EXPECT_EQ(report.answer_conflicts.findings()[0].id, "b");
  EXPECT_EQ(report.passed.traces, 1);
  EXPECT_EQ(report.all.traces, 5);
}

TEST(Check, ContaminationIsFoundOnlyWhenAsked) {
  const TempFolder folder;
  const auto in = folder.Write("in.jsonl", Line("a", "Solve it for x now.", "s", kGood) +
                                               Line("b", "Solve it for x now.", "t", kGood) +
                                               Line("c", "Clean.", "t", kGood));
  const auto eval = folder.Write("eval.jsonl", Line("e", "solve it for $x$ now", "s", ""));
  CheckOptions options;
  options.in = in;
  EXPECT_EQ(CheckTraces(options).contaminated_traces, 0);
  options.against = {eval};
  const CheckReport report = CheckTraces(options);
  EXPECT_EQ(report.contaminated_traces, 2);
  EXPECT_EQ(report.contamination[0].count(), 1);
  EXPECT_EQ(report.contamination[0].findings()[0].id, "eval.jsonl:e");
}

TEST(Check, DistinctValidPathsCountPassedTracesOnly) {
  const TempFolder folder;
  const auto line = [&](const char* id, const std::string& steps, bool right) {
    return "{\"id\":\"" + std::string(id) +
           "\",\"problem\":\"Solve 3x + 6 = 15.\",\"steps\":" + steps +
           ",\"first_error\":-1,\"domain\":\"math\",\"final_correct\":" +
           (right ? "true" : "false") + "}\n";
  };
  const std::string procedural = R"(["Subtract 6: 3x = 9.","Divide by 3: x = 3."])",
                    inspection =
                        "[\"Try x = 2: 3(2) + 6 = 12, too small.\","
                        "\"Try x = 3: 3(3) + 6 = 15, which works.\","
                        "\"So the answer is 3.\"]",
                    wrong = R"(["By the theorem it is 4.","Suppose not.","Check it."])";
  const CheckReport report = Check(
      folder, line("a", procedural, true) + line("b", inspection, true) + line("c", wrong, false));
  ASSERT_EQ(report.distinct_paths.size(), 1u);
  EXPECT_EQ(report.distinct_paths.at(2), 1);
  EXPECT_EQ(report.passed.strategies.at("math").at("inspect_verify"), 1);
  EXPECT_EQ(report.passed.strategies.at("math").at("algebraic_procedure"), 1);
  // Two strategies of the eleven declared, equally often.
  EXPECT_NEAR(*report.passed.strategy_entropy.at("math"), std::log(2) / std::log(11), 1e-12);
  EXPECT_EQ(report.passed.traces, 2);
  int64_t covered = 0;
  for (const CellState& state : report.coverage) covered += state.count;
  EXPECT_EQ(covered, 2);
  EXPECT_EQ(report.largest_group, 3);
}

TEST(Check, TextsAreComparedByTheirSteps) {
  const TempFolder folder;
  const CheckReport report =
      Check(folder, Line("a", "The same problem for both of them.", "one two three four", kGood) +
                        Line("b", "The same problem for both of them.", "five six seven", kGood));
  EXPECT_EQ(report.all.sampled, 2);
  EXPECT_EQ(*report.all.self_bleu, 0);
  EXPECT_EQ(*report.all.distinct2, 1);
}

TEST(Check, TheThreeFormsSayTheSame) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 30; ++i) {
    text += Line("id" + std::to_string(i), "p <b> " + std::to_string(i),
                 "We say it. Twice. Thrice.", kGood);
  }
  const CheckReport report = Check(folder, text, 5);
  const auto many = size_t(Lint::kManySentences);
  EXPECT_EQ(report.lints[many].count(), 30);
  const Json json = Json::parse(CheckJson(report));
  EXPECT_EQ(json["lints"]["many_sentences"]["count"], 30);
  EXPECT_EQ(json["lints"]["many_sentences"]["examples"].size(), 5u);
  EXPECT_EQ(json["card"]["rows"], 30);
  EXPECT_THAT(CheckText(report), HasSubstr("many_sentences"));
  const std::string html = CheckHtml(report);
  EXPECT_THAT(html, HasSubstr("many_sentences"));
  EXPECT_THAT(html, HasSubstr("<svg"));
  EXPECT_EQ(html.find("p <b>"), std::string::npos);
}

TEST(Check, DoesNotDependOnTheNumberOfThreads) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    text += Line("id" + std::to_string(i), "What is " + std::to_string(i % 70) + " + 3?",
                 "It is " + std::to_string(i % 90) + ".", i % 3 ? kGood : kBad);
  }
  const auto in = folder.Write("in.jsonl", text);
  CheckOptions one, three;
  one.in = three.in = in;
  one.threads = 1;
  three.threads = 3;
  EXPECT_EQ(CheckJson(CheckTraces(one)), CheckJson(CheckTraces(three)));
}

TEST(Check, SurvivesWhateverComes) {
  const TempFolder folder;
  std::string steps = "[\"s\"";
  for (int i = 0; i < 200'000; ++i) steps += ",\"x = 3\"";
  const std::string many = R"({"id":"many","problem":"p","steps":)" + steps + "]}\n";
  const CheckReport report = Check(
      folder, "\xef\xbb\xbf" + Line("crlf", "p", "s", kGood) + "\r\n" + many +
                  Line("long", std::string(10'000'000, 'a'), std::string(1'000'000, '('), kGood) +
                  Line(std::string("nul\0and\x1b[2J", 11), "q", "control \x01 characters", kGood) +
                  R"({"id":"nan","problem":"p","steps":["s"],"soft":[NaN]})"
                  "\n" +
                  std::string(100'000, '[') + "\n\xff\xfe\n" +
                  R"({"id":"label","problem":"p","steps":["s"],"labels":["+"]})"
                  "\n");
  EXPECT_EQ(report.rows, 4);
  EXPECT_EQ(report.refused.count, 4);
  EXPECT_EQ(report.longest_trace, 200'001);
  const std::string text = CheckText(report);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  CheckHtml(report);
  EXPECT_TRUE(Json::accept(CheckJson(report)));
}

TEST(Check, AnEmptyFileIsAReportOfNothing) {
  const TempFolder folder;
  const CheckReport report = Check(folder, "");
  EXPECT_EQ(report.rows, 0);
  EXPECT_THAT(CheckText(report), HasSubstr("undefined"));
  CheckHtml(report);
  EXPECT_TRUE(Json::accept(CheckJson(report)));
}

TEST(QaLines, OneLineATraceInOrder) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 3000; ++i) text += Line(std::to_string(i), "p", "s", kGood);
  QaOptions options;
  options.in = folder.Write("in.jsonl", text);
  options.out = folder / "out.jsonl";
  const QaResult result = WriteQaLines(options);
  EXPECT_EQ(result.statuses[size_t(QaStatus::kHold)], 3000);
  LineReader lines(folder / "out.jsonl");
  int64_t count = 0;
  for (std::string_view line; lines.Next(&line); ++count) {
    ASSERT_EQ(Json::parse(line)["id"], std::to_string(count));
  }
  EXPECT_EQ(count, 3000);
}

TEST(QaLines, AHintIsShownAndCountedAmongNoFindings) {
  const TempFolder folder;
  const std::string text =
      R"({"id":"a","problem":"Solve 3x + 6 = 15.","steps":["3x = 9","x = 4"],"domain":"math",)"
      R"("labels":["correct_necessary","correct_necessary"],"reference_answer":"3"})"
      "\n";
  QaOptions options;
  options.in = folder.Write("in.jsonl", text);
  options.out = folder / "out.jsonl";
  EXPECT_EQ(WriteQaLines(options).with_findings, 0);
  const Json line = Json::parse(ReadText(folder / "out.jsonl"));
  ASSERT_EQ(line["findings"].size(), 1u) << line;
  EXPECT_EQ(line["findings"][0]["kind"], "correct_but_contradicts_context");
  EXPECT_EQ(line["findings"][0]["route"], "hint");
  const CheckReport report = Check(folder, text);
  const Json json = Json::parse(CheckJson(report));
  EXPECT_EQ(json["symbolic"]["hints"]["correct_but_contradicts_context"]["count"], 1);
  EXPECT_EQ(json["symbolic"]["conflicts"].size(), 2u);
  EXPECT_THAT(CheckText(report), HasSubstr("hint: correct_but_contradicts_context"));
}

TEST(QaLines, SayWhyAndWhereTo) {
  const Trace trace = ParseTrace(
      R"({"id":"a","problem":"What is 2 + 2?","steps":["We say. It. Thrice.","2 + 2 = 5"],
          "labels":["correct_necessary","correct_necessary"],"answer":"5","reference_answer":"4",
          "domain":"math","strategy":"odd"})",
      "x");
  const Json line = Json::parse(QaLine(trace, AnalyzeTrace(trace, Guidelines::Default())));
  EXPECT_EQ(line["status"], "conflict");
  EXPECT_EQ(line["route"], "adjudicator");
  EXPECT_EQ(line["answer"]["verdict"], "wrong");
  EXPECT_EQ(line["answer"]["found"], "5");
  EXPECT_EQ(line["strategy"]["unknown_tag"], true);
  ASSERT_EQ(line["findings"].size(), 2u) << line;
  EXPECT_EQ(line["findings"][0]["kind"], "correct_but_refuted");
  EXPECT_EQ(line["findings"][0]["route"], "review");
  EXPECT_EQ(line["findings"][0]["step"], 1);
  EXPECT_EQ(line["findings"][1]["kind"], "many_sentences");
  EXPECT_EQ(line["findings"][1]["route"], "warn");
}

}  // namespace
}  // namespace prm
