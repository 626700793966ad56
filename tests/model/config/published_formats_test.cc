#include "model/config/published_formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "data/io/text_io.h"
#include "data/text/ascii.h"
#include "data/tokenizers/load_tokenizer.h"
#include "tests/byte_tokenizer.h"
#include "tests/model/tiny_files.h"
#include "tests/shared_data.h"
#include "tests/source_dir.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

// The tokenizer of a published model: shared files plus the tokens that the model added.
class PublishedTokenizers {
 public:
  const Tokenizer& For(const std::string& format) {
    const std::map<std::string, std::string> folders = {
        {"math-shepherd", "mistral_v1"}, {"reasoneval", "mistral_v1"},
        {"reasoneval-7b", "mistral_v1"}, {"llemma-prm", "llama2"},
        {"rlhflow", "llama3"},           {"er-prm", "llama3"},
        {"versaprm", "llama3"},          {"fover", "llama3"}};
    const auto found = folders.find(format);
    if (found != folders.end()) return Get(found->second, "");
    return Get("qwen", format == "skywork" ? R"("<|endoftext|>")" : "null");
  }

 private:
  const Tokenizer& Get(const std::string& name, const std::string& bos) {
    auto& tokenizer = cache_[name + bos];
    if (tokenizer) return *tokenizer;
    const fs::path shared = SharedData() / "tokenizers" / name;
    if (name != "qwen") return *(tokenizer = LoadTokenizer(shared));
    const fs::path own = folder_.path() / std::to_string(cache_.size());
    fs::create_directories(own);
    for (const char* file : {"vocab.json.xz", "merges.txt"}) {
      fs::create_symlink(shared / file, own / file);
    }
    json config = {{"bos_token", json::parse(bos)}};
    const std::map<int, std::string> added = {{151643, "<|endoftext|>"},
                                              {151644, "<|im_start|>"},
                                              {151645, "<|im_end|>"},
                                              {151651, "<extra_0>"},
                                              {151665, "[PRM]"}};
    for (const auto& [id, text] : added) {
      config["added_tokens_decoder"][std::to_string(id)] = {{"content", text}, {"special", true}};
    }
    WriteText(own / "tokenizer_config.json", config.dump());
    return *(tokenizer = LoadTokenizer(own));
  }

  TempFolder folder_;
  std::map<std::string, std::shared_ptr<const Tokenizer>> cache_;
};

Trace TraceOf(const json& row) {
  Trace trace;
  trace.problem = row.at("problem");
  for (const json& step : row.at("steps")) trace.steps.push_back({step, {}, {}});
  return trace;
}

TEST(PublishedFormats, IdsAndReadsAreThoseOfTheAuthorsCode) {
  PRM_NEED_SHARED_DATA("tokenizers/llama3");
  PublishedTokenizers tokenizers;
  std::map<std::string, int> compared;
  LineReader lines(SourceDir() / "tests/golden/step_formats.jsonl.xz");
  for (std::string_view line; lines.Next(&line);) {
    const json row = json::parse(line);
    const std::string name = row.at("format");
    SCOPED_TRACE(name + ": " + row.at("problem").get<std::string>());
    const Tokenizer& tokenizer = tokenizers.For(name);
    const StepFormat format =
        FindFormat(name, {.tokenizer = tokenizer, .prepend_bos = true}).scoring.format;
    const TraceTokens ours = TokenizeTrace(format, tokenizer, TraceOf(row));
    std::vector<TokenId> expected = row.at("ids");
    ASSERT_LE(ours.ids.size(), expected.size());
    expected.resize(ours.ids.size());  // the rest is after the last read
    EXPECT_EQ(ours.ids, expected);
    EXPECT_EQ(ours.step_reads, row.at("step_reads").get<std::vector<int32_t>>());
    ++compared[name];
  }
  EXPECT_EQ(compared.size(), PublishedFormats().size());
}

// In every format, each prefix of a trace has the ids that its steps have in the whole trace.
TEST(PublishedFormats, ATraceBuiltStepByStepHasTheIdsOfTheWhole) {
  PRM_NEED_SHARED_DATA("tokenizers/llama3");
  PublishedTokenizers tokenizers;
  Trace trace;
  trace.problem = " Ends in spaces and lines. \n\n";
  for (const char* step :
       {"a.\n\n", "\n b", "ки", "x ки\n", "  ", "{step} <extra_0>\n\n\n\n\n", "7"}) {
    if (!IsBlank(step)) trace.steps.push_back({step, {}, {}});
  }
  for (const PublishedFormat& published : PublishedFormats()) {
    SCOPED_TRACE(published.name);
    const Tokenizer& tokenizer = tokenizers.For(std::string(published.name));
    const StepFormat format =
        FindFormat(std::string(published.name), {.tokenizer = tokenizer, .prepend_bos = true})
            .scoring.format;
    const TraceTokens whole = TokenizeTrace(format, tokenizer, trace);
    ASSERT_EQ(whole.step_reads.size(), trace.steps.size());
    TraceBuilder grown(format, tokenizer, trace.problem);
    for (size_t s = 0; s < trace.steps.size(); ++s) {
      grown.Append(trace.steps[s].text);
      const TraceTokens& part = grown.tokens();
      ASSERT_LE(part.ids.size(), whole.ids.size());
      EXPECT_TRUE(std::ranges::equal(part.ids, std::span(whole.ids).first(part.ids.size())));
      EXPECT_EQ(part.step_reads.back(), whole.step_reads[s]);
    }
    EXPECT_EQ(grown.tokens().ids, whole.ids);
    for (int kept = int(trace.steps.size()); kept >= 0; --kept) {
      TraceBuilder forked = grown;
      forked.Rewind(kept);
      for (size_t s = size_t(kept); s < trace.steps.size(); ++s) forked.Append(trace.steps[s].text);
      EXPECT_EQ(forked.tokens().ids, whole.ids);
      EXPECT_EQ(forked.tokens().step_reads, whole.step_reads);
    }
  }
}

// A trap for users of the published checkpoints: text that looks like a separator.
TEST(PublishedFormats, NoTextOfATraceIsReadAsASeparator) {
  PRM_NEED_SHARED_DATA("tokenizers/mistral_v1");
  PublishedTokenizers tokenizers;
  const Tokenizer& mistral = tokenizers.For("math-shepherd");
  const StepFormat format =
      FindFormat("math-shepherd", {.tokenizer = mistral, .prepend_bos = true}).scoring.format;
  for (const char* step : {"is $18", "18\n", "a ки b", "ends in ки"}) {
    Trace trace;
    trace.problem = "q";
    trace.steps = {{step, {}, {}}, {"last", {}, {}}};
    const TraceTokens tokens = TokenizeTrace(format, mistral, trace);
    ASSERT_EQ(tokens.step_reads.size(), 2u);
    for (const int32_t read : tokens.step_reads) EXPECT_EQ(tokens.ids[size_t(read)], 12902) << step;
  }
}

std::string FileError(const std::string& text) {
  const ByteTokenizer tokenizer;
  return MessageOf([&] { ParseFormatFile(text, {.tokenizer = tokenizer}, "own.json"); },
                   ErrorCode::kInvalidArgument);
}

constexpr const char* kHead = R"("head": {"layers": ["score"], "activation": "sigmoid"})";

TEST(FormatFile, WhatIsWrongInItIsNamed) {
  const auto with_format = [](const std::string& format) {
    return StrCat("{\"format\": ", format, ", ", kHead, "}");
  };
  EXPECT_THAT(FileError(with_format(R"({"prompt": ["Q: "], "step": ["{step}"]})")),
              HasSubstr("own.json: field 'format.prompt' has {problem} 0 times; expected 1"));
  EXPECT_THAT(FileError(with_format(R"({"prompt": ["{problem}"], "step": ["."]})")),
              HasSubstr("'format.step' has {step} 0 times"));
  EXPECT_THAT(FileError(with_format(R"({"prompt": ["{problem}"], "step": ["{step}", ["ab"]]})")),
              HasSubstr("the token \"ab\", which this tokenizer writes as [97,98]; expected one"));
  EXPECT_THAT(FileError(with_format(R"({"prompt": ["{problem}"], "step": ["{step}"], "x": 1})")),
              HasSubstr("unknown field 'x'"));
  EXPECT_THAT(FileError(R"({"format": {"prompt": ["{problem}"], "step": ["{step}"]}})"),
              HasSubstr("'head' is missing"));
  EXPECT_THAT(FileError("{"), HasSubstr("not valid JSON"));
}

TEST(FormatFile, ANameThatIsNotKnownIsAnsweredWithThoseThatAre) {
  const ByteTokenizer tokenizer;
  EXPECT_THAT(
      MessageOf([&] { FindFormat("qwen", {.tokenizer = tokenizer}); }, ErrorCode::kInvalidArgument),
      HasSubstr("no format 'qwen'; known are qwen-prm, "));
  EXPECT_THROW(FindFormat("none.json", {.tokenizer = tokenizer}), Error);
}

TEST(FormatFile, TokensByNameBecomeIds) {
  const ByteTokenizer tokenizer;
  const FormatFile file = ParseFormatFile(
      StrCat(R"({"format": {"prompt": [["{bos}"], "{problem}"], "step": ["{step}", ["|", 7]]}, )",
             kHead, "}"),
      {.tokenizer = tokenizer}, "own.json");
  ASSERT_EQ(file.scoring.format.prompt.size(), 1u) << "this tokenizer has no BOS";
  EXPECT_EQ(file.scoring.format.step[1].ids, (std::vector<TokenId>{'|', 7}));
  EXPECT_EQ(file.scoring.label_policy.redundant, "unknown");
}

}  // namespace
}  // namespace prm
