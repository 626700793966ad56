#include "model/files/prm_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/model/tiny_files.h"

namespace prm {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

PrmJson Sample() {
  PrmJson prm;
  prm.format = {.prompt = {{{1}, ""}, {{}, "Q: {problem}"}, {{198}, ""}},
                .step = {{{}, "{step}", true}, {{198, 200}, ""}},
                .between = {{{}, "+"}},
                .by_line = true,
                .trim = true,
                .read_back = 3};
  prm.threshold = 0.37;
  prm.max_tokens = 64;
  prm.label_policy.redundant = "positive";
  prm.base_model = "SmolLM2-135M-Instruct.Q4_1.gguf";
  prm.training_data = {{"train.jsonl", std::string(64, 'a')}, {"more", std::string(64, '0')}};
  prm.training_options_json = R"({"epochs":2,"lr":5e-05})";
  prm.self_tests = {
      {.tokens = {.ids = {1, 5, 198, 7, 198, 200, 9, 198, 200},
                  .step_reads = {5, 8},
                  .steps_begin = 3},
       .scores = TraceScores::Of({{0.7f, 0.1f, 0.15f, 0.05f}, {1.0f / 3, 1.0f / 3, 1.0f / 3, 0}})}};
  prm.files = {{"config.json", std::string(64, '1')},
               {"optimizer.safetensors", std::string(64, '2')},
               {"reference/model.safetensors", std::string(64, 'f')}};
  return prm;
}

// Without its own sum: for tests that change it.
json SampleJson() {
  json sample = json::parse(WritePrmJson(Sample()));
  sample.erase("sha256");
  return sample;
}

std::string ParseError(const json& value, ErrorCode code = ErrorCode::kInvalidArgument) {
  const std::string message = MessageOf([&] { ParsePrmJson(value.dump(), "m/prm.json"); }, code);
  EXPECT_THAT(message, HasSubstr("m/prm.json"));
  return message;
}

// The error if the value at `pointer` is replaced by `value`.
std::string ErrorWith(const std::string& pointer, const json& value,
                      ErrorCode code = ErrorCode::kInvalidArgument) {
  json changed = SampleJson();
  changed.at(json::json_pointer(pointer)) = value;
  return ParseError(changed, code);
}

TEST(PrmJsonTest, RoundTripsExactly) {
  const PrmJson prm = Sample();
  const PrmJson read = ParsePrmJson(WritePrmJson(prm), "prm.json");
  EXPECT_EQ(read.version, 1);
  EXPECT_EQ(read.format, prm.format);
  EXPECT_EQ(read.head, prm.head);
  EXPECT_EQ(read.threshold, prm.threshold);
  EXPECT_EQ(read.max_tokens, 64);
  EXPECT_EQ(read.label_policy, prm.label_policy);
  EXPECT_EQ(read.base_model, prm.base_model);
  EXPECT_EQ(read.training_data, prm.training_data);
  EXPECT_EQ(json::parse(read.training_options_json), json::parse(prm.training_options_json));
  ASSERT_EQ(read.self_tests.size(), 1u);
  EXPECT_EQ(read.self_tests[0].tokens.ids, prm.self_tests[0].tokens.ids);
  EXPECT_EQ(read.self_tests[0].tokens.step_reads, prm.self_tests[0].tokens.step_reads);
  EXPECT_TRUE(SameScores(read.self_tests[0].scores, prm.self_tests[0].scores));
  EXPECT_EQ(WritePrmJson(read), WritePrmJson(prm));
}

TEST(PrmJsonTest, EveryMissingFieldIsNamed) {
  const json sample = SampleJson();
  for (const auto& item : sample.items()) {
    if (item.key() == "files") continue;  // older checkpoints lack it
    json without = sample;
    without.erase(item.key());
    EXPECT_THAT(ParseError(without), HasSubstr("'" + item.key() + "' is missing"));
  }
}

TEST(PrmJsonTest, UnknownFieldsAreRefused) {
  json calibrated = SampleJson();
  calibrated["calibration"] = {{"temperature", 1.3}};
  EXPECT_THAT(ParseError(calibrated), HasSubstr("unknown field 'calibration'"));
  json nested = SampleJson();
  nested["format"]["suffix_ids"] = {1};
  EXPECT_THAT(ParseError(nested), HasSubstr("field 'format': unknown field 'suffix_ids'"));
}

TEST(PrmJsonTest, WhatThisProgramCannotDoIsRefusedByName) {
  constexpr auto kCode = ErrorCode::kUnimplemented;
  EXPECT_THAT(ErrorWith("/version", 2, kCode), HasSubstr("'version' is 2; this program reads 1"));
}

TEST(PrmJsonTest, WrongValuesAreRefusedByField) {
  EXPECT_THAT(ErrorWith("/format/step", json::array()), HasSubstr("has {step} 0 times"));
  EXPECT_THAT(ErrorWith("/format/prompt/0", {-1}), HasSubstr("expected token ids"));
  EXPECT_THAT(ErrorWith("/format/prompt/0", {int64_t{1} << 31}), HasSubstr("expected token ids"));
  EXPECT_THAT(ErrorWith("/format/prompt/0", {"<s>"}), HasSubstr("expected token ids"));
  EXPECT_THAT(ErrorWith("/format/prompt/0", 1), HasSubstr("expected texts, lists of tokens"));
  EXPECT_THAT(ErrorWith("/head/layers", json::array()), HasSubstr("names of linear layers"));
  EXPECT_THAT(ErrorWith("/head/layers", {"lm_head"}), HasSubstr("expected rows or \"mean\""));
  EXPECT_THAT(ErrorWith("/head/activation", "tanh"), HasSubstr("one of softmax, sigmoid"));
  EXPECT_THAT(ErrorWith("/head/activation", "sigmoid"), HasSubstr("expected no labels"));
  EXPECT_THAT(ErrorWith("/head/labels/0", "good"), HasSubstr("one of correct_necessary"));
  EXPECT_THAT(ErrorWith("/head/labels", {"wrong", "incorrect"}), HasSubstr("correct and wrong"));
  EXPECT_THAT(ErrorWith("/threshold", 1.5), HasSubstr("'threshold' is 1.5"));
  EXPECT_THAT(ErrorWith("/max_tokens", 0), HasSubstr("'max_tokens' is 0"));
  EXPECT_THAT(ErrorWith("/label_policy/incomplete", "positive"),
              HasSubstr("'incomplete' is \"positive\"; expected one of own_class"));
  EXPECT_THAT(ErrorWith("/provenance/training_data/0/sha256", "xyz"), HasSubstr("hexadecimal"));
  EXPECT_THAT(ErrorWith("/provenance/training_options", 3), HasSubstr("expected a JSON object"));
}

TEST(PrmJsonTest, SelfTestsAreChecked) {
  EXPECT_THAT(ErrorWith("/self_test_dtype", "float8"), HasSubstr("expected float32 or bfloat16"));
  EXPECT_THAT(ErrorWith("/self_tests/0/p_correct/0", 0.2), HasSubstr("give p_correct 0.8"));
  EXPECT_THAT(ErrorWith("/self_tests/0/step_reads", {5, 9}), HasSubstr("self_tests[0]"));
  EXPECT_THAT(ErrorWith("/self_tests/0/step_reads", {5, 5}), HasSubstr("step_reads has 5 after 5"));
  EXPECT_THAT(ErrorWith("/self_tests/0/step_reads", {5}),
              HasSubstr("1 step_reads, 2 p_correct and 2 label_probs"));
  EXPECT_THAT(ErrorWith("/self_tests/0/label_probs/0", {0.5, 0.5}), HasSubstr("rows of 4"));
  EXPECT_THAT(ErrorWith("/self_tests/0/label_probs/0/0", 0.2), HasSubstr("probabilities sum to"));
  EXPECT_THAT(ErrorWith("/self_tests/0/label_probs/0/0", -0.7), HasSubstr("expected [0, 1]"));
  EXPECT_THAT(ErrorWith("/max_tokens", 8), HasSubstr("9 ids; expected at most max_tokens 8"));
}

TEST(PrmJsonTest, WriterRefusesWhatTheReaderWould) {
  const auto write_error = [](auto change) {
    PrmJson prm = Sample();
    change(&prm);
    return MessageOf([&] { WritePrmJson(prm); }, ErrorCode::kInvalidArgument);
  };
  EXPECT_THAT(write_error([](PrmJson* p) { p->format.step.clear(); }), HasSubstr("0 times"));
  EXPECT_THAT(write_error([](PrmJson* p) { p->max_tokens = 0; }), HasSubstr("max_tokens"));
  EXPECT_THAT(write_error([](PrmJson* p) { p->threshold = std::nan(""); }), HasSubstr("threshold"));
  EXPECT_THAT(write_error([](PrmJson* p) { p->training_options_json = "[1]"; }),
              HasSubstr("training options"));
  EXPECT_THAT(write_error([](PrmJson* p) { p->self_tests[0].scores.p_correct[0] = std::nanf(""); }),
              HasSubstr("p_correct"));
}

TEST(PrmJsonTest, EveryTruncationIsRefused) {
  const std::string text = WritePrmJson(Sample());
  for (size_t size = 0; size + 2 < text.size(); ++size) {
    EXPECT_THROW(ParsePrmJson(text.substr(0, size), "prm.json"), Error) << size;
  }
}

TEST(PrmJsonTest, AFlippedBitIsNoticed) {
  const std::string text = WritePrmJson(Sample());
  int accepted = 0;
  for (size_t i = 0; i < text.size() * 8; i += 5) {  // every bit of a byte in turn
    std::string flipped = text;
    flipped[i / 8] = char(flipped[i / 8] ^ (1 << i % 8));
    if (json::parse(flipped, nullptr, false) == json::parse(text)) continue;  // white space
    try {
      ParsePrmJson(flipped, "m/prm.json");
      ++accepted;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("m/prm.json"));
    }
  }
  EXPECT_EQ(accepted, 0);
}

TEST(PrmJsonTest, AnEditIsAcceptedWithoutTheSum) {
  json changed = json::parse(WritePrmJson(Sample()));
  changed["threshold"] = 0.25;
  EXPECT_THAT(ParseError(changed, ErrorCode::kDataLoss), HasSubstr("after an edit, remove"));
  changed.erase("sha256");
  EXPECT_EQ(ParsePrmJson(changed.dump(), "prm.json").threshold, 0.25);
}

TEST(PrmJsonTest, SumsAreOfFilesInTheFolder) {
  EXPECT_EQ(ParsePrmJson(WritePrmJson(Sample()), "prm.json").files, Sample().files);
  json without = SampleJson();
  without.erase("files");
  EXPECT_TRUE(ParsePrmJson(without.dump(), "prm.json").files.empty());
  for (const char* name : {"/etc/passwd", "../x", "a/../../x", "", "a//b", "./a"}) {
    EXPECT_THAT(ErrorWith("/files", {{name, std::string(64, '0')}}), HasSubstr("in the folder"));
  }
  EXPECT_THAT(ErrorWith("/files", {{"a", "12"}}), HasSubstr("64 lower-case"));
  EXPECT_THAT(ErrorWith("/files", {{"a", 12}}), HasSubstr("'a' is 12"));
  EXPECT_THAT(ErrorWith("/files", 12), HasSubstr("files"));
}

TEST(PrmJsonTest, ScoringDoesNotNeedTheStateOfTraining) {
  const PrmJson prm = Sample();
  EXPECT_EQ(TrainingFiles(prm), (FileSums{{"optimizer.safetensors", std::string(64, '2')}}));
  EXPECT_EQ(ModelFiles(prm).size(), 2u);
}

}  // namespace
}  // namespace prm
