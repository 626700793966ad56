#include "data/tokenizers/sentencepiece_model.h"

#include <gtest/gtest.h>

#include "data/io/text_io.h"
#include "data/tokenizers/sentencepiece_tokenizer.h"
#include "tests/data/tokenizers/tokenizer_fixtures.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

using Kind = TokenizerParts::Kind;
using Model = TokenizerParts::Model;

constexpr const char* kMistral = "tokenizers/mistral_v1/tokenizer.model";

TokenizerParts TinyParts() {
  TokenizerParts parts;
  parts.model = Model::kSentencePieceBpe;
  parts.space_prefix = true;
  parts.tokens = {{"<unk>", Kind::kUnknown},    {"<s>", Kind::kControl},
                  {"a", Kind::kNormal, -2},     {"b", Kind::kNormal, -3},
                  {"ab", Kind::kNormal, -1.5f}, {"[PAD]", Kind::kUnused},
                  {"\u2581", Kind::kNormal, -4}};
  return parts;
}

TEST(SentencePieceModel, PartsSurviveTheirModel) {
  for (const bool space_prefix : {true, false}) {
    TokenizerParts parts = TinyParts();
    parts.space_prefix = space_prefix;
    parts.tokens.push_back({"<0x41>", Kind::kByte});
    parts.tokens.push_back({"<>", Kind::kUserDefined});
    const TokenizerParts again = ParseSentencePieceModel(FormatSentencePieceModel(parts), "m");
    EXPECT_EQ(again.model, parts.model);
    EXPECT_EQ(again.space_prefix, space_prefix);
    EXPECT_EQ(again.beyond, "");
    ASSERT_EQ(again.tokens.size(), parts.tokens.size());
    for (size_t id = 0; id < parts.tokens.size(); ++id) {
      EXPECT_EQ(again.tokens[id].text, parts.tokens[id].text);
      EXPECT_EQ(again.tokens[id].kind, parts.tokens[id].kind);
      EXPECT_EQ(again.tokens[id].score, parts.tokens[id].score);
    }
  }
}

TEST(SentencePieceModel, SentencePieceReadsIt) {
  TokenizerParts parts = TinyParts();
  const auto ids = [&](std::string_view text) {
    const auto tokenizer = MakeSentencePieceTokenizer(FormatSentencePieceModel(parts), {}, "m");
    return Ids(*tokenizer, text);
  };
  EXPECT_EQ(ids("ab a"), (std::vector<TokenId>{6, 4, 6, 2}));
  parts.space_prefix = false;
  EXPECT_EQ(ids("ab a"), (std::vector<TokenId>{4, 6, 2}));
}

TEST(SentencePieceModel, APublishedModelTakenApartAndPutTogetherGivesItsIds) {
  PRM_NEED_SHARED_DATA(kMistral);
  const std::string model = ReadFile(SharedData() / kMistral);
  const TokenizerParts parts = ParseSentencePieceModel(model, "mistral");
  EXPECT_EQ(parts.model, Model::kSentencePieceBpe);
  EXPECT_TRUE(parts.space_prefix);
  EXPECT_EQ(parts.beyond, "");
  EXPECT_EQ(parts.tokens.size(), 32000u);
  EXPECT_EQ(parts.tokens[13].kind, Kind::kByte);
  EXPECT_EQ(parts.tokens[1].kind, Kind::kControl);
  const auto before = MakeSentencePieceTokenizer(model, {}, "m");
  const auto after = MakeSentencePieceTokenizer(FormatSentencePieceModel(parts), {}, "m");
  for (const char* text : {"Step 1:  3x + 6 = 15.\n\n", " a", "\u043A\u0438 \U0001F600", ""}) {
    EXPECT_EQ(Ids(*before, text), Ids(*after, text)) << text;
  }
}

TEST(SentencePieceModel, EveryTruncationIsRefusedOrShorter) {
  const std::string model = FormatSentencePieceModel(TinyParts());
  int refused = 0;
  for (size_t size = 0; size < model.size(); ++size) {
    try {
      ParseSentencePieceModel(std::string_view(model).substr(0, size), "m");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kDataLoss);
      ++refused;
    }
  }
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace prm
