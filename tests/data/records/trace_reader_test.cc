#include "data/records/trace_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "data/error.h"
#include "tests/error_of.h"
#include "tests/shared_data.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* kFull =
    R"({"id":"p17/2","problem":"Solve 3x + 6 = 15.","steps":["3x = 9","x = 3"],)"
    R"("labels":["correct_necessary",null],"first_error":null,"necessity_known":false,)"
    R"("soft":[0.9,0.7],"final_correct":true,"answer":"3","reference_answer":"3",)"
    R"("domain":"math","strategy":"algebraic_procedure","source":"book",)"
    R"("annotations":[{"annotator":"a","step":0,"seconds":1.5}],"meta":{"k":[1,2.5,"é"]}})";

json Minimal() { return {{"id", "a"}, {"problem", "p"}, {"steps", {"x", "y"}}}; }

// The error message for a valid trace with one field changed.
std::string MessageFor(const char* field, const json& value) {
  json object = Minimal();
  object[field] = value;
  return MessageOf([&] { ParseTrace(object.dump(), "train.jsonl:17"); },
                   ErrorCode::kInvalidArgument);
}

Trace WithField(const char* field, const json& value) {
  json object = Minimal();
  object[field] = value;
  return ParseTrace(object.dump(), "in:1");
}

TEST(ParseTrace, ReadsEveryField) {
  const Trace trace = ParseTrace(kFull, "in:1");
  EXPECT_EQ(trace.id, "p17/2");
  EXPECT_EQ(trace.problem, "Solve 3x + 6 = 15.");
  ASSERT_EQ(trace.steps.size(), 2u);
  EXPECT_EQ(trace.steps[1].text, "x = 3");
  EXPECT_EQ(trace.steps[0].label, StepLabel::kCorrectNecessary);
  EXPECT_EQ(trace.steps[1].label, std::nullopt);
  EXPECT_EQ(trace.steps[0].soft, 0.9f);
  EXPECT_FALSE(trace.necessity_known);
  EXPECT_EQ(trace.first_error, std::nullopt);
  EXPECT_EQ(trace.final_correct, true);
  EXPECT_EQ(trace.answer, "3");
  EXPECT_EQ(trace.reference_answer, "3");
  EXPECT_EQ(trace.domain, "math");
  EXPECT_EQ(trace.strategy, "algebraic_procedure");
  EXPECT_EQ(trace.source, "book");
  EXPECT_EQ(json::parse(trace.annotations_json)[0]["seconds"], 1.5);
  EXPECT_EQ(json::parse(trace.meta_json), json::parse(R"({"k":[1,2.5,"é"]})"));
}

TEST(ParseTrace, OptionalFieldsMayBeAbsentOrNull) {
  const Trace absent = ParseTrace(Minimal().dump(), "in:1");
  EXPECT_TRUE(absent.necessity_known);
  EXPECT_EQ(absent.first_error, std::nullopt);
  EXPECT_EQ(absent.meta_json, "");
  for (const char* field :
       {"labels", "soft", "first_error", "necessity_known", "final_correct", "answer",
        "reference_answer", "domain", "strategy", "source", "annotations", "meta"}) {
    EXPECT_EQ(TraceToJson(WithField(field, nullptr)), TraceToJson(absent)) << field;
  }
}

TEST(ParseTrace, AnAbsentFirstErrorFollowsFromTheLabels) {
  EXPECT_EQ(WithField("labels", {"correct_redundant", "incomplete"}).first_error, 1);
  EXPECT_EQ(WithField("labels", {"incorrect", nullptr}).first_error, 0);
  EXPECT_EQ(WithField("labels", {"correct_necessary", "correct_necessary"}).first_error, -1);
  EXPECT_EQ(WithField("labels", {nullptr, "incorrect"}).first_error, std::nullopt)
      << "the step without a label may be wrong, too";
  EXPECT_EQ(WithField("labels", {"correct_necessary", nullptr}).first_error, std::nullopt)
      << "the step without a label may be wrong";
}

TEST(ParseTrace, AFirstErrorMayStandWithoutLabels) {
  EXPECT_EQ(WithField("first_error", 1).first_error, 1);
  EXPECT_EQ(WithField("first_error", -1).first_error, -1);
}

TEST(ParseTrace, RefusesWrongLabelsByPlace) {
  EXPECT_EQ(MessageFor("labels", {"correct_necessary", "corect"}),
            "train.jsonl:17: labels[1]: expected one of correct_necessary, correct_redundant, "
            "incorrect, incomplete, or null, got \"corect\"");
  EXPECT_EQ(MessageFor("labels", {"incorrect"}),
            "train.jsonl:17: labels: expected 2 items, one per step, got 1");
  EXPECT_THAT(MessageFor("labels", {1, 0}), HasSubstr("labels[0]: expected one of"));
  EXPECT_THAT(MessageFor("labels", "incorrect"), HasSubstr("labels: expected an array"));
}

TEST(ParseTrace, RefusesWrongSoftValuesByPlace) {
  EXPECT_THAT(MessageFor("soft", {0.5}), HasSubstr("soft: expected 2 items, one per step, got 1"));
  EXPECT_THAT(MessageFor("soft", {0.5, 1.001}), HasSubstr("soft[1]: expected a number in [0, 1]"));
  EXPECT_THAT(MessageFor("soft", {-0.1, 1}), HasSubstr("soft[0]: "));
  EXPECT_THAT(MessageFor("soft", {"1", 1}), HasSubstr("soft[0]: expected a number"));
}

TEST(ParseTrace, RefusesEmptyAndMissingSteps) {
  EXPECT_EQ(MessageFor("steps", json::array()),
            "train.jsonl:17: steps: expected at least one step, got none");
  EXPECT_EQ(MessageFor("steps", {"x", " \n\t"}),
            "train.jsonl:17: steps[1]: expected a step with text, got \" \\n\\t\"");
  EXPECT_THAT(MessageFor("steps", {"x", nullptr}), HasSubstr("steps[1]: expected a string"));
  EXPECT_THAT(MessageFor("steps", "x"), HasSubstr("steps: expected an array, got \"x\""));
}

TEST(ParseTrace, RefusesAFirstErrorThatTheLabelsContradict) {
  for (const int stated : {-1, 1}) {
    json object = Minimal();
    object["labels"] = {"incorrect", nullptr};
    object["first_error"] = stated;
    EXPECT_THROW(ParseTrace(object.dump(), "in:1"), Error) << stated;
  }
  json object = Minimal();
  object["labels"] = {"correct_necessary", "correct_necessary"};
  object["first_error"] = 1;
  EXPECT_THROW(ParseTrace(object.dump(), "in:1"), Error);
  object["labels"] = {"correct_necessary", nullptr};
  EXPECT_EQ(ParseTrace(object.dump(), "in:1").first_error, 1);
  EXPECT_THAT(MessageFor("first_error", 2), HasSubstr("first_error: expected -1 to 1, got 2"));
  EXPECT_THAT(MessageFor("first_error", -2), HasSubstr("first_error: expected -1 to 1"));
  EXPECT_THAT(MessageFor("first_error", 0.5), HasSubstr("first_error: expected a whole number"));
}

TEST(ParseTrace, RefusesWrongTypesOfEveryField) {
  for (const char* field : {"id", "problem", "steps", "labels", "necessity_known", "soft",
                            "first_error", "final_correct", "answer", "reference_answer", "domain",
                            "strategy", "source", "annotations", "meta"}) {
    const json wrong = std::string_view(field) == "first_error" ? json("0") : json(0);
    EXPECT_THAT(MessageFor(field, wrong), HasSubstr(std::string("train.jsonl:17: ") + field + ": "))
        << field;
  }
}

TEST(ParseTrace, RefusesMissingRequiredFields) {
  for (const char* field : {"id", "problem", "steps"}) {
    json object = Minimal();
    object.erase(field);
    EXPECT_THROW(ParseTrace(object.dump(), "in:1"), Error) << field;
  }
}

TEST(ParseTrace, RefusesEveryTruncation) {
  const std::string_view full = kFull;
  for (size_t size = 0; size < full.size(); ++size) {
    EXPECT_THROW(ParseTrace(full.substr(0, size), "in:1"), Error) << size;
  }
}

TEST(ParseTrace, UnknownFieldsAreKeptUnderMeta) {
  json object = Minimal();
  object["label_kind"] = "human";
  object["big"] = 18446744073709551615u;
  object["nothing"] = nullptr;
  object["meta"] = {{"inner", 0.1}};
  const Trace trace = ParseTrace(object.dump(), "in:1");
  const json meta = json::parse(TraceToJson(trace))["meta"];
  EXPECT_EQ(meta, (json{{"inner", 0.1},
                        {"label_kind", "human"},
                        {"big", 18446744073709551615u},
                        {"nothing", nullptr}}));
  object["inner"] = 1;
  EXPECT_THROW(ParseTrace(object.dump(), "in:1"), Error) << "the same name in both";
}

TEST(TraceToJson, WritesWhatItRead) {
  EXPECT_EQ(json::parse(TraceToJson(ParseTrace(kFull, "in:1"))), json::parse(kFull));
}

TEST(TraceToJson, AnUndecidableFirstErrorStaysUndecidable) {
  json object = Minimal();
  object["labels"] = {"correct_necessary", "correct_necessary"};
  object["first_error"] = nullptr;
  const Trace trace = ParseTrace(object.dump(), "in:1");
  EXPECT_EQ(ParseTrace(TraceToJson(trace), "in:1").first_error, std::nullopt);
}

TEST(TraceToJson, TextThatIsNotUtf8IsAnErrorByTrace) {
  Trace trace = ParseTrace(Minimal().dump(), "in:1");
  trace.steps[0].text = "\xff";
  EXPECT_EQ(MessageOf([&] { TraceToJson(trace); }), "trace a: not UTF-8 at byte 0");
}

TEST(TraceReader, NamesTheLineAndGoesOnAfterIt) {
  const TempFolder folder;
  const std::string good = Minimal().dump();
  const auto path = folder.Write("in.jsonl", good + "\n\n{\"id\":\"b\"}\n" + good);
  TraceReader reader(path);
  Trace trace;
  ASSERT_TRUE(reader.Next(&trace));
  EXPECT_EQ(reader.Where(), path.string() + ":1");
  EXPECT_EQ(MessageOf([&] { reader.Next(&trace); }),
            path.string() + ":3: the field \"problem\" is missing");
  ASSERT_TRUE(reader.Next(&trace));
  EXPECT_EQ(reader.Where(), path.string() + ":4");
  EXPECT_FALSE(reader.Next(&trace));
}

TEST(TraceWriter, WritesAFileThatReadsBackEqual) {
  const TempFolder folder;
  for (const char* name : {"out.jsonl", "out.jsonl.gz", "out.jsonl.xz"}) {
    TraceWriter writer(folder / name);
    writer.Write(ParseTrace(kFull, "in:1"));
    writer.Write(ParseTrace(Minimal().dump(), "in:1"));
    EXPECT_FALSE(std::filesystem::exists(folder / name));
    writer.Close();
    const std::vector<Trace> traces = ReadTraces(folder / name);
    ASSERT_EQ(traces.size(), 2u);
    EXPECT_EQ(json::parse(TraceToJson(traces[0])), json::parse(kFull));
  }
}

const std::vector<std::string> kTextFields = {"id",     "problem",          "steps",
                                              "labels", "answer",           "strategy",
                                              "domain", "reference_answer", "source"};
const std::vector<std::string> kOtherFields = {"necessity_known", "soft",        "first_error",
                                               "final_correct",   "annotations", "meta"};

// Checks that `exported` has everything in `original`, at its place or under meta.
void ExpectNothingLost(const json& original, const json& exported) {
  for (const auto& [name, value] : original.items()) {
    const bool is_text = std::count(kTextFields.begin(), kTextFields.end(), name) > 0;
    if (!is_text && !std::count(kOtherFields.begin(), kOtherFields.end(), name)) {
      ASSERT_EQ(exported["meta"].at(name), value);
    } else if (name == "meta") {
      for (const auto& [inner, kept] : value.items()) ASSERT_EQ(exported["meta"].at(inner), kept);
    } else if (name == "soft") {
      ASSERT_EQ(exported.at(name).get<std::vector<float>>(), value.get<std::vector<float>>());
    } else if (name == "necessity_known") {
      ASSERT_EQ(exported.value(name, true), value.get<bool>());
    } else if (!value.is_null()) {
      ASSERT_EQ(exported.at(name), value);
    }
  }
}

class RealFile : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Files, RealFile,
                         ::testing::Values("train", "dev", "public_test_processbench_gsm8k"),
                         [](const auto& info) { return info.param; });

TEST_P(RealFile, LosesNothingOnReExportAndReadsBackEqual) {
  const std::string relative = "steps/" + GetParam() + ".jsonl.xz";
  PRM_NEED_SHARED_DATA(relative);
  LineReader lines(SharedData() / relative);
  TraceReader reader(SharedData() / relative);
  int64_t count = 0;
  std::string_view line;
  for (Trace trace; reader.Next(&trace); ++count) {
    ASSERT_TRUE(lines.Next(&line));
    const std::string exported = TraceToJson(trace);
    ExpectNothingLost(json::parse(line), json::parse(exported));
    ASSERT_EQ(TraceToJson(ParseTrace(exported, "exported")), exported);
    if (HasFatalFailure()) FAIL() << reader.Where();
  }
  EXPECT_FALSE(lines.Next(&line));
  EXPECT_GT(count, 0);
}

}  // namespace
}  // namespace prm
