#include "data/tokenizers/tokenizer.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "data/io/text_io.h"
#include "data/tokenizers/load_tokenizer.h"
#include "data/tokenizers/tokenizer_config.h"
#include "tests/data/tokenizers/tokenizer_fixtures.h"
#include "tests/shared_data.h"
#include "tests/source_dir.h"

namespace prm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Published {
  const char* name;  // in expected_ids.jsonl.xz
  const char* path;  // below tokenizers/
  SpecialTokens special = SpecialTokens::kText;
};

class PublishedTokenizer : public testing::TestWithParam<Published> {};

TEST_P(PublishedTokenizer, GivesTheExpectedIdsBeforeAndAfterSaving) {
  PRM_NEED_SHARED_DATA("tokenizers/expected_ids.jsonl.xz");
  const Published& published = GetParam();
  const auto tokenizer = LoadTokenizer(SharedData() / "tokenizers" / published.path);
  const TempFolder folder;
  tokenizer->Save(folder.path());
  const auto saved = LoadTokenizer(folder.path());
  EXPECT_EQ(saved->vocab_size(), tokenizer->vocab_size());
  LineReader reader(SharedData() / "tokenizers/expected_ids.jsonl.xz");
  std::string_view line;
  while (reader.Next(&line)) {
    const nlohmann::json row = nlohmann::json::parse(line);
    const std::string text = row.at("text");
    const std::vector<TokenId> expected = row.at("ids").at(published.name);
    EXPECT_EQ(Ids(*tokenizer, text, published.special), expected) << reader.line_number();
    EXPECT_EQ(Ids(*saved, text, published.special), expected) << reader.line_number();
  }
  EXPECT_GT(reader.line_number(), 100);
}

INSTANTIATE_TEST_SUITE_P(
    All, PublishedTokenizer,
    testing::Values(Published{"llama2", "llama2"}, Published{"mistral_v1", "mistral_v1"},
                    Published{"mistral_v3", "mistral_v3/tokenizer.model"},
                    Published{"qwen", "qwen"}, Published{"qwen", "qwen/qwen.tiktoken"},
                    Published{"llama3", "llama3"}, Published{"gpt2", "gpt2/merges.txt"},
                    Published{"smollm2", "smollm2", SpecialTokens::kParse}),
    [](const auto& info) {
      std::string name = info.param.path;
      for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
      return name;
    });

// Hostile strings (tests/golden/adversarial_tokens.py) against PyPI tokenizers, tiktoken and
// sentencepiece. `path` is below tokenizers/; a "+special" name has special strings parsed.
struct Adversarial {
  const char* name;
  const char* path;
  SpecialTokens special = SpecialTokens::kText;
};

class AdversarialStrings : public testing::TestWithParam<Adversarial> {};

TEST_P(AdversarialStrings, GiveTheIdsOfTheReference) {
  const Adversarial& reference = GetParam();
  PRM_NEED_SHARED_DATA(StrCat("tokenizers/", reference.path));
  const auto tokenizer = LoadTokenizer(SharedData() / "tokenizers" / reference.path);
  LineReader reader(SourceDir() / "tests/golden/adversarial_tokens.jsonl.xz");
  std::string_view line;
  while (reader.Next(&line)) {
    const nlohmann::json row = nlohmann::json::parse(line);
    const std::vector<TokenId> expected = row.at("ids").at(reference.name);
    EXPECT_EQ(Ids(*tokenizer, row.at("text").get<std::string>(), reference.special), expected)
        << row.at("text").dump();
  }
  EXPECT_GE(reader.line_number(), 2000);
}

constexpr auto kParse = SpecialTokens::kParse;
INSTANTIATE_TEST_SUITE_P(
    All, AdversarialStrings,
    testing::Values(Adversarial{"gpt2", "gpt2"}, Adversarial{"gpt2+special", "gpt2", kParse},
                    Adversarial{"qwen", "qwen"}, Adversarial{"qwen+special", "qwen", kParse},
                    Adversarial{"qwen.tiktoken", "qwen/qwen.tiktoken"},
                    Adversarial{"qwen.tiktoken+special", "qwen/qwen.tiktoken", kParse},
                    Adversarial{"llama3", "llama3"},
                    Adversarial{"llama3+special", "llama3", kParse},
                    Adversarial{"smollm2", "smollm2"},
                    Adversarial{"smollm2+special", "smollm2", kParse},
                    Adversarial{"llama2", "llama2"}, Adversarial{"mistral_v1", "mistral_v1"},
                    Adversarial{"mistral_v3", "mistral_v3"}),
    [](const auto& info) {
      std::string name = info.param.name;
      for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
      return name;
    });

// tests/golden/tokenizer_json.py
TEST(Tokenizer, EveryKindOfTokenizerJsonGivesTheIdsOfPyPiTokenizers) {
  LineReader reader(SourceDir() / "tests/golden/tokenizer_json.jsonl.xz");
  std::string_view line;
  while (reader.Next(&line)) {
    const nlohmann::json row = nlohmann::json::parse(line);
    SCOPED_TRACE(row.at("name").dump());
    const TempFolder folder, again;
    folder.Write("tokenizer.json", row.at("json").get<std::string>());
    const auto tokenizer = LoadTokenizer(folder.path());
    tokenizer->Save(again.path());
    const auto saved = LoadTokenizer(again.path());
    for (size_t i = 0; i < row.at("texts").size(); ++i) {
      const std::string text = row.at("texts")[i];
      const std::vector<TokenId> ids = row.at("ids")[i];
      EXPECT_EQ(Ids(*tokenizer, text, kParse), ids) << row.at("texts")[i].dump();
      EXPECT_EQ(Ids(*saved, text, kParse), ids) << row.at("texts")[i].dump();
      EXPECT_EQ(tokenizer->Decode(ids), row.at("decoded")[i].get<std::string>()) << text;
    }
  }
  EXPECT_GE(reader.line_number(), 30);
}

TEST(Tokenizer, KnownFamiliesHaveTheirSpecialTokens) {
  PRM_NEED_SHARED_DATA("tokenizers/llama3");
  const auto llama3 = LoadTokenizer(SharedData() / "tokenizers/llama3");
  EXPECT_EQ(llama3->vocab_size(), 128256);
  EXPECT_EQ(llama3->bos_id(), 128000);
  EXPECT_EQ(llama3->eos_id(), 128001);
  EXPECT_EQ(llama3->PieceToId("<|start_header_id|>"), 128006);
  EXPECT_EQ(llama3->PieceToId("<|eot_id|>"), 128009);
  EXPECT_EQ(llama3->PieceToId("<|reserved_special_token_250|>"), 128255);
  const auto qwen = LoadTokenizer(SharedData() / "tokenizers/qwen");
  EXPECT_EQ(qwen->PieceToId("<|im_end|>"), 151645);
  EXPECT_EQ(qwen->bos_id(), std::nullopt);
  EXPECT_EQ(LoadTokenizer(SharedData() / "tokenizers/gpt2")->eos_id(), 50256);
}

constexpr const char* kByteLevel =
    R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": true})";

// A tokenizer.json with three tokens and one merge; the arguments replace its parts.
std::string Json(const std::string& model_extra = "", const std::string& pre = kByteLevel,
                 const std::string& vocab = R"({"a": 0, "b": 1, "ab": 2})",
                 const std::string& merges = R"(["a b"])", const std::string& rest = "") {
  return R"({"pre_tokenizer": )" + pre + R"(, "model": {"type": "BPE", )" + model_extra +
         R"("vocab": )" + vocab + R"(, "merges": )" + merges + "}" + rest + "}";
}

std::string LoadError(const std::string& name, const std::string& bytes) {
  const TempFolder folder;
  const auto path = folder.Write(name, bytes);
  const std::string error = MessageOf([&] { LoadTokenizer(path); });
  EXPECT_THAT(error, HasSubstr(name));
  return error;
}

std::string JsonError(const std::string& json) { return LoadError("tokenizer.json", json); }

TEST(Tokenizer, TokenizerJsonLoadsWithBothSpellingsOfMerges) {
  const TempFolder folder;
  EXPECT_NO_THROW(LoadTokenizer(folder.Write("tokenizer.json", Json())));
  const auto path = folder.Write(
      "tokenizer.json", Json("", kByteLevel, R"({"a": 0, "b": 1, "ab": 2})", R"([["a", "b"]])"));
  EXPECT_EQ(Ids(*LoadTokenizer(path), "aba"), (std::vector<TokenId>{2, 0}));
}

TEST(Tokenizer, APrefixSpaceGoesBeforeByteLevelText) {
  const TempFolder folder;
  const auto path = folder.Write("tokenizer.json",
                                 Json("", R"({"type": "ByteLevel", "add_prefix_space": true})",
                                      R"({"a": 0, "\u0120": 1, "\u0120a": 2})", R"(["\u0120 a"])"));
  EXPECT_EQ(Ids(*LoadTokenizer(path), "aa"), (std::vector<TokenId>{2, 0}));
  EXPECT_EQ(Ids(*LoadTokenizer(path), " a"), (std::vector<TokenId>{2}));
}

TEST(Tokenizer, WhatTokenizerJsonHoldsUnsupportedIsNamed) {
  EXPECT_THAT(JsonError(R"({"model": {"type": "Unigram"}})"), HasSubstr("model type Unigram"));
  EXPECT_THAT(JsonError(Json(R"("dropout": 0.1, )")), HasSubstr("dropout"));
  EXPECT_THAT(JsonError(Json(R"("end_of_word_suffix": "</w>", )")),
              HasSubstr("end_of_word_suffix"));
  EXPECT_THAT(JsonError(Json(R"("unk_token": "<unk>", )", "null")), HasSubstr("<unk>"));
  EXPECT_THAT(JsonError(Json("", R"({"type": "Metaspace"})")), HasSubstr("Metaspace"));
  EXPECT_THAT(JsonError(Json("", R"({"type": "Sequence", "pretokenizers": [{"type": "Digits",
      "individual_digits": true}, {"type": "ByteLevel", "add_prefix_space": true}]})")),
              HasSubstr("add_prefix_space"));
  EXPECT_THAT(JsonError(Json("", R"({"type": "Sequence", "pretokenizers": [{"type": "Split",
      "behavior": "Isolated", "pattern": {"Regex": "x(y"}}]})")),
              HasSubstr("x(y"));
  EXPECT_THAT(JsonError(Json("", R"({"type": "Split", "behavior": "Isolated",
      "pattern": {"Regex": "\\bx"}})")),
              HasSubstr("\\b is not supported"));
  EXPECT_THAT(JsonError(Json("", R"({"type": "UnicodeScripts"})")), HasSubstr("UnicodeScripts"));
  EXPECT_THAT(
      JsonError(Json("", kByteLevel, "{}", "[]", R"(, "normalizer": {"type": "Precompiled"})")),
      HasSubstr("Precompiled"));
  EXPECT_THAT(JsonError(Json("", kByteLevel, "{}", "[]", R"(, "normalizer": {"type": "Replace",
      "pattern": {"Regex": " {2,}"}, "content": " "})")),
              HasSubstr(" {2,}"));
  EXPECT_THAT(
      JsonError(Json("", kByteLevel, "{}", "[]",
                     R"(, "added_tokens": [{"id": 1, "content": "x", "single_word": true}])")),
      HasSubstr("single_word"));
}

TEST(Tokenizer, DamagedTokenizerJsonIsRefused) {
  const std::string whole = Json();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(JsonError(whole.substr(0, size)), "") << size;
  }
  EXPECT_THAT(JsonError("{}"), HasSubstr("expected an object \"model\""));
  EXPECT_THAT(JsonError(Json("", kByteLevel, R"({"a": -1})")), HasSubstr("\"a\" has id -1"));
  EXPECT_THAT(JsonError(Json("", kByteLevel, R"({"a": 4000000000})")), HasSubstr("4000000000"));
  EXPECT_THAT(JsonError(Json("", kByteLevel, R"({"a": "0"})")), HasSubstr("has id \"0\""));
  EXPECT_THAT(JsonError(Json("", kByteLevel, R"({"a": 0, "b": 0})")), HasSubstr("both have id 0"));
  EXPECT_THAT(JsonError(Json("", kByteLevel, R"({"": 0})")), HasSubstr("is empty"));
  EXPECT_THAT(JsonError(Json("", kByteLevel, "[]")), HasSubstr("model.vocab"));
  EXPECT_THAT(JsonError(Json("", kByteLevel, "{}", "{}")), HasSubstr("model.merges"));
  EXPECT_THAT(JsonError(Json("", kByteLevel, R"({"a": 0})", R"([["a"]])")), HasSubstr("merge 0"));
  EXPECT_THAT(JsonError(Json("", kByteLevel, R"({"a": 0})", R"(["a x"])")), HasSubstr("merge 0"));
  EXPECT_THAT(JsonError(Json("", kByteLevel, R"({"a": 0})", "[]", R"(, "added_tokens": [{}])")),
              HasSubstr("without content"));
  EXPECT_THAT(JsonError(Json("", kByteLevel, R"({"a": 0})", "[]",
                             R"(, "added_tokens": [{"content": "x"}])")),
              HasSubstr("\"x\" has no id"));
}

TEST(Tokenizer, ConfigurationNamesBosAndEos) {
  const TempFolder folder;
  folder.Write("tokenizer.json", Json());
  folder.Write("tokenizer_config.json", R"({"bos_token": "a", "eos_token": {"content": "ab"}})");
  const auto tokenizer = LoadTokenizer(folder.path());
  EXPECT_EQ(tokenizer->bos_id(), 0);
  EXPECT_EQ(tokenizer->eos_id(), 2);
  folder.Write("tokenizer_config.json", R"({"bos_token": "zz"})");
  EXPECT_THAT(MessageOf([&] { LoadTokenizer(folder.path()); }), HasSubstr("\"zz\": no such token"));
  folder.Write("tokenizer_config.json", R"({"bos_token": 3})");
  EXPECT_THAT(MessageOf([&] { LoadTokenizer(folder.path()); }),
              AllOf(HasSubstr("tokenizer_config.json"), HasSubstr("bos_token")));
}

TEST(Tokenizer, VocabAndMergesTakeThePreTokenizerFromTheirClass) {
  const TempFolder folder;
  folder.Write("vocab.json", R"({"1": 0, "2": 1, "12": 2})");
  EXPECT_THAT(MessageOf([&] { LoadTokenizer(folder.path()); }), HasSubstr("no merges.txt"));
  folder.Write("merges.txt", "#version: 0.2\n1 2\r\n");
  EXPECT_THAT(MessageOf([&] { LoadTokenizer(folder.path()); }),
              AllOf(HasSubstr("vocab.json"), HasSubstr("GPT-2, Qwen")));
  folder.Write("tokenizer_config.json", R"({"tokenizer_class": "GPT2TokenizerFast",
      "added_tokens_decoder": {"3": {"content": "<e>", "special": true}}, "eos_token": "<e>"})");
  const auto gpt2 = LoadTokenizer(folder.path());
  EXPECT_EQ(Ids(*gpt2, "12<e>", SpecialTokens::kParse), (std::vector<TokenId>{2, 3}));
  EXPECT_EQ(gpt2->eos_id(), 3);
  folder.Write("tokenizer_config.json", R"({"tokenizer_class": "Qwen2Tokenizer"})");
  EXPECT_EQ(Ids(*LoadTokenizer(folder.path()), "12"), (std::vector<TokenId>{0, 1}));
  folder.Write("tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})");
  EXPECT_THAT(MessageOf([&] { LoadTokenizer(folder.path()); }), HasSubstr("BertTokenizer"));
}

TEST(Tokenizer, RankFilesAreRefusedByLine) {
  EXPECT_THAT(LoadError("x.tiktoken", "YQ== 0\nYg== 1\n"), HasSubstr("which pre-tokenizer"));
  EXPECT_THAT(LoadError("x.tiktoken", "YQ== 0\n!!!! 1\n"), HasSubstr("line 2"));
  EXPECT_THAT(LoadError("x.tiktoken", "YQ== 0\nYg==\n"), HasSubstr("line 2"));
  EXPECT_THAT(LoadError("x.tiktoken", "YQ== 0\nYg== 0\n"), HasSubstr("rank 0 is there twice"));
  EXPECT_THAT(LoadError("x.tiktoken", "YQ== 0\nYg== 99999999\n"), HasSubstr("line 2"));
  EXPECT_THAT(LoadError("x.tiktoken", "YQ== 0\nYg== -1\n"), HasSubstr("line 2"));
}

TEST(Tokenizer, WhatIsNoTokenizerIsRefusedByName) {
  EXPECT_THAT(LoadError("tokenizer.model", "hello"), HasSubstr("neither tokenizer.json"));
  EXPECT_THAT(LoadError("tokenizer.model", ""), HasSubstr("neither tokenizer.json"));
  EXPECT_THAT(LoadError("tokenizer.model", "\n\xFF\xFF"), HasSubstr("SentencePiece"));
  const TempFolder folder;
  EXPECT_THAT(MessageOf([&] { LoadTokenizer(folder.path()); }),
              AllOf(HasSubstr(folder.path().string()), HasSubstr("no tokenizer.json")));
  EXPECT_THAT(MessageOf([&] { LoadTokenizer(folder.path() / "none.json"); }),
              HasSubstr("none.json"));
}

// As written by save_pretrained for a tokenizer without a limit.
TEST(TokenizerConfig, AModelMaxLengthBeyondAnyIntegerIsNoObstacle) {
  const TokenizerConfig config = ParseTokenizerConfig(
      R"({"eos_token": "</s>", "model_max_length": 1000000000000000019884624838656})", "here");
  EXPECT_EQ(config.eos_token, "</s>");
}

}  // namespace
}  // namespace prm
