#include "data/tokenizers/sentencepiece_tokenizer.h"

#include <gmock/gmock.h>

#include "data/io/text_io.h"
#include "data/tokenizers/load_tokenizer.h"
#include "tests/data/tokenizers/tokenizer_fixtures.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kMistral = "tokenizers/mistral_v1/tokenizer.model";

std::shared_ptr<const Tokenizer> Mistral(const TokenizerConfig& config = {}) {
  return MakeSentencePieceTokenizer(ReadFile(SharedData() / kMistral), config, "mistral");
}

// The step tag of Math-Shepherd is found only after a space.
TEST(SentencePieceTokenizer, TheStepTagNeedsASpaceBeforeIt) {
  PRM_NEED_SHARED_DATA(kMistral);
  const auto tokenizer = Mistral();
  EXPECT_EQ(tokenizer->PieceToId("\u2581\u043A\u0438"), 12902);
  EXPECT_EQ(Ids(*tokenizer, "a. \u043A\u0438").back(), 12902);
  for (const char* text : {"a.\u043A\u0438", "$18\u043A\u0438", "18\n\u043A\u0438"}) {
    EXPECT_EQ(Ids(*tokenizer, text).back(), 1107) << text;
  }
}

TEST(SentencePieceTokenizer, PiecesBosAndEos) {
  PRM_NEED_SHARED_DATA(kMistral);
  const auto tokenizer = Mistral();
  EXPECT_EQ(tokenizer->vocab_size(), 32000);
  EXPECT_EQ(tokenizer->PieceToId("\u2581+"), 648);
  EXPECT_EQ(tokenizer->PieceToId("\u2581-"), 387);
  EXPECT_EQ(tokenizer->PieceToId("<unk>"), 0);
  EXPECT_EQ(tokenizer->PieceToId("<extra_0>"), std::nullopt);
  EXPECT_EQ(tokenizer->bos_id(), 1);
  EXPECT_EQ(tokenizer->eos_id(), 2);
}

TEST(SentencePieceTokenizer, ControlPiecesAreTextUnlessParsed) {
  PRM_NEED_SHARED_DATA(kMistral);
  const auto tokenizer = Mistral();
  EXPECT_THAT(Ids(*tokenizer, "</s>"), Not(Contains(2)));
  EXPECT_THAT(Ids(*tokenizer, "<s></s>", SpecialTokens::kParse), ElementsAre(1, 2));
  std::vector<TokenId> expected = Ids(*tokenizer, "Hello");
  expected.push_back(2);
  EXPECT_EQ(Ids(*tokenizer, "Hello</s>", SpecialTokens::kParse), expected);
}

TEST(SentencePieceTokenizer, AddedTokensComeFromTheConfiguration) {
  PRM_NEED_SHARED_DATA(kMistral);
  TokenizerConfig config;
  config.added_tokens = {{"<pad>", 32000, true}, {"<tool>", 32002, false}};
  config.eos_token = "<pad>";
  const auto tokenizer = Mistral(config);
  EXPECT_EQ(tokenizer->vocab_size(), 32003);
  EXPECT_EQ(tokenizer->eos_id(), 32000);
  EXPECT_THAT(Ids(*tokenizer, "<pad><tool>", SpecialTokens::kParse), ElementsAre(32000, 32002));
  EXPECT_THAT(Ids(*tokenizer, "<tool>"), ElementsAre(32002));
  EXPECT_EQ(tokenizer->Decode(std::vector<TokenId>{22557, 32000, 1526}), "Hello<pad>world");
  EXPECT_THAT(MessageOf([&] { tokenizer->Decode(std::vector<TokenId>{32001}); }),
              HasSubstr("id 32001 at position 0"));
  const TempFolder folder;
  tokenizer->Save(folder.path());
  const auto loaded = LoadTokenizer(folder.path());
  EXPECT_EQ(loaded->vocab_size(), 32003);
  EXPECT_EQ(loaded->eos_id(), 32000);
  EXPECT_THAT(Ids(*loaded, "<tool>"), ElementsAre(32002));
}

TEST(SentencePieceTokenizer, SaveCopiesTheModel) {
  PRM_NEED_SHARED_DATA(kMistral);
  const TempFolder folder;
  Mistral()->Save(folder.path());
  EXPECT_EQ(ReadFile(folder.path() / "tokenizer.model"), ReadFile(SharedData() / kMistral));
}

TEST(SentencePieceTokenizer, BadInputIsRefused) {
  PRM_NEED_SHARED_DATA(kMistral);
  EXPECT_THAT(MessageOf([] { Ids(*Mistral(), "ab\xC3"); }), HasSubstr("byte 2"));
  const std::string model = ReadFile(SharedData() / kMistral);
  for (const size_t size :
       {size_t{1}, size_t{2}, size_t{100}, model.size() / 2, model.size() - 1}) {
    EXPECT_THAT(
        MessageOf([&] { MakeSentencePieceTokenizer(model.substr(0, size), {}, "cut.model"); }),
        HasSubstr("cut.model"))
        << size;
  }
  TokenizerConfig config;
  config.bos_token = "<none>";
  EXPECT_THAT(MessageOf([&] { Mistral(config); }), HasSubstr("\"<none>\": no such token"));
  config = {};
  config.added_tokens = {{"<pad>", 5, true}};
  EXPECT_THAT(MessageOf([&] { Mistral(config); }), HasSubstr("\"<pad>\" has the id of"));
}

}  // namespace
}  // namespace prm
