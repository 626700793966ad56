#include "data/tokenizers/token_bound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "data/text/utf8.h"
#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/bpe_tokenizer.h"
#include "data/tokenizers/load_tokenizer.h"
#include "data/tokenizers/sentencepiece_model.h"
#include "data/tokenizers/sentencepiece_tokenizer.h"
#include "tests/data/tokenizers/tokenizer_fixtures.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

// Text that tokenizers treat specially: runs, marks, forms, rare bytes, byte names.
const std::vector<std::string>& Fragments() {
  static const std::vector<std::string> fragments = {"the ",
                                                     "Therefore",
                                                     " is equal to",
                                                     "12345",
                                                     "3.14",
                                                     " ",
                                                     "\n",
                                                     "\r\n",
                                                     "\t",
                                                     "a",
                                                     "e",
                                                     "K",
                                                     "\x01",
                                                     "\x02",
                                                     "\x7f",
                                                     std::string(1, '\0'),
                                                     std::string(90, ' '),
                                                     std::string(70, '='),
                                                     std::string(40, '\n'),
                                                     "\u0301",
                                                     "\u0308\u0301",
                                                     "e\u0301",
                                                     "\u00e9",
                                                     "\u1ea4",
                                                     "\u1fbe",
                                                     "\u1fbe\u0308\u0301",
                                                     "\u2126\u0313\u0300\u0345",
                                                     "\u212a",
                                                     "\u212b",
                                                     "\u1fef",
                                                     "\u037e",
                                                     "\u1112\u1161\u11ab",
                                                     "\ud55c",
                                                     "\u6f22\u5b57",
                                                     "\uf900",
                                                     "\U0002f800",
                                                     "\ufb03",
                                                     "\u2460",
                                                     "\u3000",
                                                     "\u00a0",
                                                     "\u2581",
                                                     "\u2581\u2581",
                                                     "\U0001f600",
                                                     "\U0001d400",
                                                     "\ufffd",
                                                     "\ufdfa",
                                                     "<|endoftext|>",
                                                     "<s>",
                                                     "</s>",
                                                     "<0x0A>",
                                                     "<|im_start|>",
                                                     "[INST]",
                                                     "\u200b",
                                                     "\u00ad"};
  return fragments;
}

std::string RandomText(std::mt19937& random) {
  std::string text;
  for (size_t n = random() % 12; n > 0; --n) {
    const std::string& fragment = Fragments()[random() % Fragments().size()];
    for (size_t repeats = random() % 4 == 0 ? random() % 40 : 1; repeats > 0; --repeats) {
      text += fragment;
    }
  }
  return text;
}

// Checks that the bounds of a text, and of parts of it, do not exceed its number of ids.
void ExpectBounds(const Tokenizer& tokenizer, const std::vector<std::string>& more = {}) {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string text = RandomText(random);
    if (!more.empty() && random() % 2) text += more[random() % more.size()];
    const std::string head = RandomText(random), tail = RandomText(random);
    for (const TextStart start : {TextStart::kNew, TextStart::kContinues}) {
      std::vector<TokenId> ids;
      tokenizer.Encode(head + text + tail, SpecialTokens::kText, &ids, start);
      ASSERT_LE(tokenizer.MinTokens(head) + tokenizer.MinTokens(text) + tokenizer.MinTokens(tail),
                int64_t(ids.size()))
          << testing::PrintToString(head + text + tail);
    }
  }
}

class PublishedBound : public testing::TestWithParam<const char*> {};

TEST_P(PublishedBound, IsNeverAboveTheNumberOfIds) {
  PRM_NEED_SHARED_DATA(StrCat("tokenizers/", GetParam()));
  const auto tokenizer = LoadTokenizer(SharedData() / "tokenizers" / GetParam());
  // Texts of few ids: the longest tokens, single and repeated.
  std::vector<std::string> longest;
  for (const TokenizerParts::Token& token : tokenizer->Parts().tokens) {
    // The space marks of byte-level and of SentencePiece vocabularies.
    const std::string text = ReplaceAll(ReplaceAll(token.text, "\u0120", " "), "\u2581", " ");
    if (text.size() > 15 && !FindInvalidUtf8(text)) longest.push_back(text);
  }
  for (size_t i = 0, n = longest.size(); i < n; ++i) {
    std::string many;
    for (int k = 0; k < 20; ++k) many += longest[i];
    longest.push_back(many);
  }
  ExpectBounds(*tokenizer, longest);
}

TEST_P(PublishedBound, RefusesWhatIsFarTooLong) {
  PRM_NEED_SHARED_DATA(StrCat("tokenizers/", GetParam()));
  const auto tokenizer = LoadTokenizer(SharedData() / "tokenizers" / GetParam());
  std::string words;
  while (words.size() < (1 << 20)) words += "and so x is 4 ";
  EXPECT_GT(tokenizer->MinTokens(words), 4000);
  std::string characters;
  while (characters.size() < (1 << 20)) characters += "\u6f22\u5b57";
  EXPECT_GT(tokenizer->MinTokens(characters), 800);
}

INSTANTIATE_TEST_SUITE_P(All, PublishedBound,
                         testing::Values("llama2", "mistral_v1", "mistral_v3/tokenizer.model",
                                         "qwen", "qwen/qwen.tiktoken", "llama3", "gpt2/merges.txt",
                                         "smollm2"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace_if(
                               name, [](unsigned char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

// --- what normalizers take away ------------------------------------------------------------------

constexpr std::array<NormalForm, 4> kForms = {NormalForm::kNfc, NormalForm::kNfd, NormalForm::kNfkc,
                                              NormalForm::kNfkd};

BpeSpec BytesWith(std::vector<NormalizerStep> normalizer) {
  BpeSpec spec = TinySpec();
  spec.normalizer = std::move(normalizer);
  return spec;
}

std::string Normal(NormalForm form, const std::string& text) {
  return NormalizeUnicode(form, text).value_or(text);
}

TEST(TokenBound, HoldsForEveryCharacterOfEveryNormalForm) {
  for (const NormalForm form : kForms) {
    BpeSpec spec;
    spec.where = "test";
    for (int i = 0; i < 256; ++i) spec.tokens.push_back(std::string(1, char(i)));
    spec.normalizer = {{NormalizerStep::Kind::kUnicode, form, "", ""}};
    const TokenBound bound(spec);
    for (uint32_t code = 0; code < 0x110000; ++code) {
      if (code >= 0xD800 && code < 0xE000) continue;
      std::string character;
      AppendUtf8(code, &character);
      // A hundred of each, so that the bound is not rounded to zero, and their decompositions.
      std::string many, decomposed;
      for (int k = 0; k < 100; ++k) many += character;
      const std::string parts = Normal(NormalForm::kNfd, character);
      for (int k = 0; k < 100; ++k) decomposed += parts;
      for (const std::string& text : {many, decomposed}) {
        ASSERT_LE(bound(text), int64_t(Normal(form, text).size())) << "U+" << std::hex << code;
      }
    }
  }
}

TEST(TokenBound, HoldsForRandomTextsOfEveryNormalForm) {
  for (const NormalForm form : kForms) {
    ExpectBounds(*MakeBpeTokenizer(BytesWith({{NormalizerStep::Kind::kUnicode, form, "", ""}})));
  }
}

TEST(TokenBound, IsZeroWhereTextMayVanish) {
  const std::string text(10000, 'x');
  EXPECT_GT(TokenBound(TinySpec())(text), 0);
  EXPECT_EQ(TokenBound(BytesWith({{NormalizerStep::Kind::kReplace, {}, "x", ""}}))(text), 0);
  BpeSpec removes = TinySpec();
  removes.split.kind = PreTokenizer::kStages;
  removes.split.stages = {{"x", SplitStage::Behavior::kRemoved, false}};
  EXPECT_EQ(TokenBound(removes)(text), 0);
  BpeSpec characters = TinySpec();
  characters.symbols = BpeSpec::Symbols::kCharacters;
  EXPECT_EQ(TokenBound(characters)(text), 0);
  characters.unk_id = 'a';
  EXPECT_GT(TokenBound(characters)(text), 0);
  characters.fuse_unk = true;
  EXPECT_EQ(TokenBound(characters)(text), 0);
  EXPECT_EQ(TokenBound()(text), 0);
}

TEST(TokenBound, DoesNotCountBytesWithoutATokenNorSpacesThatATokenTakesIn) {
  BpeSpec spec = TinySpec();
  spec.tokens['x'].clear();
  EXPECT_EQ(TokenBound(spec)(std::string(10000, 'x')), 0);
  EXPECT_GT(TokenBound(spec)(std::string(10000, 'y')), 0);
  ExpectBounds(*MakeBpeTokenizer(spec), {std::string(500, 'x')});
  BpeSpec added = TinySpec();
  added.special_tokens.push_back(
      {.text = "the", .id = 400, .special = false, .lstrip = true, .rstrip = true});
  EXPECT_EQ(TokenBound(added)(std::string(10000, ' ')), 0);
  EXPECT_GT(TokenBound(added)(std::string(10000, 'y')), 0);
  ExpectBounds(*MakeBpeTokenizer(added), {std::string(500, ' ') + "the" + std::string(500, '\n')});
}

TEST(TokenBound, KnowsNothingOfASentencePieceModelThatFusesOrDropsCharacters) {
  TokenizerParts parts;
  parts.tokens = {{"<unk>", TokenizerParts::Kind::kUnknown}, {"a"}, {"aa"}};
  const std::string text(1000, 'a');
  EXPECT_EQ(TokenBound(parts, {})(text), 0);
  parts.tokens.push_back({"<0x00>", TokenizerParts::Kind::kByte});
  EXPECT_GT(TokenBound(parts, {})(text), 0);
  parts.beyond = "a normalizer that changes text";
  EXPECT_EQ(TokenBound(parts, {})(text), 0);
}

}  // namespace
}  // namespace prm
