#include "data/tokenizers/bpe_tokenizer.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "data/io/text_io.h"
#include "data/pretokenizers/byte_level.h"
#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/bpe_vocabulary.h"
#include "data/tokenizers/load_tokenizer.h"
#include "tests/data/tokenizers/tokenizer_fixtures.h"

namespace prm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string RefusalOf(const BpeSpec& spec) {
  return MessageOf([&] { MakeBpeTokenizer(spec); });
}

TEST(ByteLevel, BytesSurviveTheirSpelling) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  EXPECT_EQ(ByteLevelBytes(ByteLevelText(bytes)), bytes);
  EXPECT_EQ(ByteLevelText(" \n"), "\u0120\u010A");
  EXPECT_EQ(ByteLevelBytes("a b"), std::nullopt);
  EXPECT_EQ(ByteLevelBytes("\u0144"), std::nullopt);
  EXPECT_EQ(ByteLevelBytes("\u6F22"), std::nullopt);
  EXPECT_EQ(ByteLevelBytes("\xFF"), std::nullopt);
}

TEST(BpeTokenizer, MergesInsideWords) {
  const auto tokenizer = MakeBpeTokenizer(TinySpec());
  EXPECT_THAT(Ids(*tokenizer, "hello"), ElementsAre(259));
  EXPECT_THAT(Ids(*tokenizer, "hell world"), ElementsAre(258, 260, 'o', 'r', 'l', 'd'));
  EXPECT_THAT(Ids(*tokenizer, "he llo"), ElementsAre(256, ' ', 257, 'o'));
  EXPECT_THAT(Ids(*tokenizer, ""), ElementsAre());
  EXPECT_EQ(tokenizer->vocab_size(), 264);
}

TEST(BpeTokenizer, EncodeAppends) {
  const auto tokenizer = MakeBpeTokenizer(TinySpec());
  std::vector<TokenId> ids = {7};
  tokenizer->Encode("hello", SpecialTokens::kText, &ids);
  EXPECT_THAT(ids, ElementsAre(7, 259));
}

TEST(BpeTokenizer, SpecialStringsAreTextUnlessParsed) {
  const auto tokenizer = MakeBpeTokenizer(TinySpec());
  EXPECT_THAT(Ids(*tokenizer, "hello<|end|>", SpecialTokens::kParse), ElementsAre(259, 261));
  EXPECT_THAT(Ids(*tokenizer, "<|end|>"), ElementsAre('<', '|', 'e', 'n', 'd', '|', '>'));
}

TEST(BpeTokenizer, TheLongestSpecialStringWins) {
  const auto tokenizer = MakeBpeTokenizer(TinySpec());
  EXPECT_THAT(Ids(*tokenizer, "<|end|>more", SpecialTokens::kParse), ElementsAre(262));
  EXPECT_THAT(Ids(*tokenizer, "<|end|>mor", SpecialTokens::kParse),
              ElementsAre(261, 'm', 'o', 'r'));
  EXPECT_THAT(Ids(*tokenizer, "<<|end|", SpecialTokens::kParse),
              ElementsAre('<', '<', '|', 'e', 'n', 'd', '|'));
}

TEST(BpeTokenizer, AddedTokensThatAreNotSpecialAreAlwaysMatched) {
  const auto tokenizer = MakeBpeTokenizer(TinySpec());
  EXPECT_THAT(Ids(*tokenizer, "a<tool><|end"), ElementsAre('a', 263, '<', '|', 'e', 'n', 'd'));
}

TEST(BpeTokenizer, WordCacheDoesNotChangeIds) {
  const auto warm = MakeBpeTokenizer(TinySpec());
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (size_t left = random() % 24; left > 0; --left) text += "helo wx"[random() % 7];
    ASSERT_EQ(warm->Decode(Ids(*warm, text)), text);
    if (i % 40 == 0) {
      ASSERT_EQ(Ids(*warm, text), Ids(*MakeBpeTokenizer(TinySpec()), text)) << text;
    }
  }
}

// The key of a short word is read along with the following bytes; only the word may count.
TEST(BpeTokenizer, WordsAreToldApartByLengthAndLastByte) {
  const auto tokenizer = MakeBpeTokenizer(TinySpec());
  for (size_t size = 1; size <= 20; ++size) {
    for (const std::string tail : {"", "!", " and more text behind the word"}) {
      std::string word(size, 'x');
      EXPECT_EQ(Ids(*tokenizer, word + tail).size(), size + Ids(*tokenizer, tail).size());
      word.back() = 'y';
      EXPECT_EQ(tokenizer->Decode(Ids(*tokenizer, word + tail)), word + tail);
    }
  }
  const std::string nul("x\0\0", 3);
  EXPECT_EQ(tokenizer->Decode(Ids(*tokenizer, nul)), nul);
}

TEST(BpeTokenizer, InvalidUtf8IsRefusedWithItsOffset) {
  const auto tokenizer = MakeBpeTokenizer(TinySpec());
  EXPECT_THAT(MessageOf([&] { Ids(*tokenizer, "abc\xFF"); }), HasSubstr("byte 3"));
}

TEST(BpeTokenizer, AByteWithoutTokenIsLeftOutBeforeAnythingMerges) {
  BpeSpec spec = TinySpec();
  spec.tokens['x'].clear();
  const auto tokenizer = MakeBpeTokenizer(spec);
  EXPECT_THAT(Ids(*tokenizer, "xhxe"), ElementsAre(256));
  EXPECT_THAT(Ids(*tokenizer, "x"), IsEmpty());
}

TEST(BpeTokenizer, DecodeGivesTextAndRefusesUnknownIds) {
  const auto tokenizer = MakeBpeTokenizer(TinySpec());
  EXPECT_EQ(tokenizer->Decode(std::vector<TokenId>{259, 261, 260}), "hello<|end|> w");
  EXPECT_THAT(MessageOf([&] {
                tokenizer->Decode(std::vector<TokenId>{259, 264});
              }),
              HasSubstr("id 264 at position 1"));
  EXPECT_THAT(MessageOf([&] { tokenizer->Decode(std::vector<TokenId>{-1}); }), HasSubstr("id -1"));
}

TEST(BpeTokenizer, PiecesAreFoundByTheirBytes) {
  const auto tokenizer = MakeBpeTokenizer(TinySpec());
  EXPECT_EQ(tokenizer->PieceToId(" w"), 260);
  EXPECT_EQ(tokenizer->PieceToId("<|end|>"), 261);
  EXPECT_EQ(tokenizer->PieceToId("world"), std::nullopt);
  EXPECT_EQ(tokenizer->bos_id(), 261);
  EXPECT_EQ(tokenizer->eos_id(), 262);
}

TEST(BpeTokenizer, NfcIsAppliedBetweenSpecialTokens) {
  BpeSpec spec = TinySpec();
  spec.normalizer = {NormalizerStep{}};
  const auto tokenizer = MakeBpeTokenizer(spec);
  EXPECT_THAT(Ids(*tokenizer, "e\u0301"), ElementsAre(0xC3, 0xA9));
  EXPECT_THAT(Ids(*MakeBpeTokenizer(TinySpec()), "e\u0301"), ElementsAre('e', 0xCC, 0x81));
}

TEST(BpeTokenizer, IgnoreMergesTakesAWholeWordFirst) {
  BpeSpec spec = TinySpec();
  spec.merges.pop_back();  // " w" is a token that no merge produces
  EXPECT_THAT(Ids(*MakeBpeTokenizer(spec), " w"), ElementsAre(' ', 'w'));
  spec.ignore_merges = true;
  EXPECT_THAT(Ids(*MakeBpeTokenizer(spec), " w"), ElementsAre(260));
  EXPECT_THAT(Ids(*MakeBpeTokenizer(spec), " wx"), ElementsAre(' ', 'w', 'x'));
}

TEST(BpeTokenizer, RanksMergeWhateverMakesAToken) {
  BpeSpec spec = TinySpec();
  spec.merges.clear();
  EXPECT_THAT(Ids(*MakeBpeTokenizer(spec), "hello"), ElementsAre('h', 'e', 'l', 'l', 'o'));
  spec.merge_by_id = true;
  EXPECT_THAT(Ids(*MakeBpeTokenizer(spec), "hello"), ElementsAre(259));
}

TEST(BpeTokenizer, AMegabyteInOneWordIsEncoded) {
  const auto tokenizer = MakeBpeTokenizer(TinySpec());
  std::string word;
  for (int i = 0; i < 250000; ++i) word += "hell";
  EXPECT_EQ(Ids(*tokenizer, word), std::vector<TokenId>(250000, 258));
}

TEST(BpeTokenizer, ThreadsGetEqualIds) {
  const auto tokenizer = MakeBpeTokenizer(TinySpec());
  std::mt19937 random(5);
  std::vector<std::string> texts(2000);
  for (std::string& text : texts) {
    for (int i = 0; i < 40; ++i) text += "helo w"[random() % 6];
  }
  const auto encode_all = [&] {
    std::vector<std::vector<TokenId>> all;
    for (const std::string& text : texts) all.push_back(Ids(*tokenizer, text));
    return all;
  };
  std::vector<std::vector<std::vector<TokenId>>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = encode_all(); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, encode_all());
}

TEST(BpeTokenizer, SavedTokenizerGivesEqualIds) {
  for (const TokenId gap : {0, 1000}) {
    BpeSpec spec = TinySpec();
    spec.normalizer = {NormalizerStep{}};
    spec.split.kind = PreTokenizer::kLlama3;
    for (SpecialToken& token : spec.special_tokens) token.id += gap;
    spec.bos_id = *spec.bos_id + gap;
    spec.eos_id = *spec.eos_id + gap;
    const auto tokenizer = MakeBpeTokenizer(spec);
    const TempFolder folder;
    tokenizer->Save(folder.path());
    const auto loaded = LoadTokenizer(folder.path());
    for (const char* text : {"hello world", "<|end|>more<tool>e\u0301 1234", " '\"\\\n\t\u6F22"}) {
      for (const SpecialTokens special : {SpecialTokens::kText, SpecialTokens::kParse}) {
        EXPECT_EQ(Ids(*loaded, text, special), Ids(*tokenizer, text, special)) << text;
      }
    }
    EXPECT_EQ(loaded->vocab_size(), tokenizer->vocab_size());
    EXPECT_EQ(loaded->bos_id(), spec.bos_id);
    EXPECT_EQ(loaded->eos_id(), spec.eos_id);
  }
}

// Readers that number added tokens from the size of the vocabulary must find them in it.
TEST(BpeTokenizer, AddedTokensBehindAGapAreSavedInTheVocabulary) {
  const auto saved_vocab = [](const BpeSpec& spec) {
    const TempFolder folder;
    MakeBpeTokenizer(spec)->Save(folder.path());
    return nlohmann::json::parse(ReadFile(folder.path() / "tokenizer.json"))["model"]["vocab"];
  };
  BpeSpec spec = TinySpec();
  EXPECT_FALSE(saved_vocab(spec).contains("<tool>"));
  spec.special_tokens[2].id = 500;
  EXPECT_EQ(saved_vocab(spec)["<tool>"], 500);
}

TEST(BpeTokenizer, SavingWhereNothingCanBeWrittenIsAnError) {
  EXPECT_THAT(MessageOf([] { MakeBpeTokenizer(TinySpec())->Save("/proc/no/such/folder"); }),
              HasSubstr("/proc/no/such/folder/tokenizer.json"));
}

TEST(BpeTokenizer, ContradictionsAreRefused) {
  const auto refusal = [](auto change) {
    BpeSpec spec = TinySpec();
    change(spec);
    return RefusalOf(spec);
  };
  EXPECT_NO_THROW(MakeBpeTokenizer(TinySpec()));
  EXPECT_THAT(RefusalOf(BpeSpec{}), HasSubstr("no tokens"));
  EXPECT_THAT(refusal([](BpeSpec& s) { s.tokens[260] = "he"; }),
              HasSubstr("tiny: tokens 256 and 260 have the same bytes"));
  EXPECT_THAT(refusal([](BpeSpec& s) {
                s.merges.push_back({'x', 'y'});
              }),
              HasSubstr("merge 5 makes no token"));
  EXPECT_THAT(refusal([](BpeSpec& s) {
                s.merges.push_back({'h', 'e'});
              }),
              HasSubstr("merge 5 repeats"));
  EXPECT_THAT(refusal([](BpeSpec& s) {
                s.merges.push_back({'h', 261});
              }),
              HasSubstr("expected two tokens"));
  EXPECT_THAT(refusal([](BpeSpec& s) {
                s.merges.push_back({-1, 'h'});
              }),
              HasSubstr("expected two tokens"));
  EXPECT_THAT(refusal([](BpeSpec& s) { s.special_tokens[0].id = 2000000000; }),
              HasSubstr("has id 2000000000"));
  EXPECT_THAT(refusal([](BpeSpec& s) { s.special_tokens[0].id = -5; }), HasSubstr("has id -5"));
  EXPECT_THAT(refusal([](BpeSpec& s) { s.special_tokens[0].text = ""; }), HasSubstr("is empty"));
  EXPECT_THAT(refusal([](BpeSpec& s) { s.special_tokens[0].text = "\xFF"; }),
              HasSubstr("is not UTF-8"));
  EXPECT_THAT(refusal([](BpeSpec& s) { s.special_tokens[0].text = "<tool>"; }),
              HasSubstr("is there twice"));
  EXPECT_THAT(refusal([](BpeSpec& s) { s.special_tokens[0].id = 259; }),
              HasSubstr("\"<|end|>\" has id 259, which is \"hello\""));
  EXPECT_THAT(refusal([](BpeSpec& s) { s.special_tokens[2].id = 261; }),
              HasSubstr("\"<tool>\" has id 261, which is \"<|end|>\""));
  EXPECT_THAT(refusal([](BpeSpec& s) { s.bos_id = 999; }), HasSubstr("bos id 999 is no token"));
  EXPECT_THAT(refusal([](BpeSpec& s) { s.merge_by_id = true; }),
              HasSubstr("both merges and ranks"));
}

TEST(BpeTokenizer, ByteLevelVocabularyNamesWhatItRefuses) {
  BpeSpec spec;
  spec.where = "file";
  spec.special_tokens = {{"\u6F22", 1, true}};
  SetByteLevelVocabulary({"a", "\u6F22", "\u0120", "\u0120a", ""}, {"\u0120 a"}, &spec);
  EXPECT_THAT(spec.tokens, ElementsAre("a", "", " ", " a", ""));
  EXPECT_THAT(spec.merges, ElementsAre(std::pair<TokenId, TokenId>(2, 0)));
  EXPECT_THAT(MessageOf([&] {
                SetByteLevelVocabulary({"a", "b", "\u5B57"}, {}, &spec);
              }),
              HasSubstr("token 2"));
  EXPECT_THAT(MessageOf([&] { SetByteLevelVocabulary({"a"}, {"aa"}, &spec); }),
              HasSubstr("merge 0 \"aa\" is not two tokens"));
  EXPECT_THAT(MessageOf([&] { SetByteLevelVocabulary({"a"}, {"a b"}, &spec); }),
              HasSubstr("merge 0 \"a b\" joins what is not in the vocabulary"));
}

}  // namespace
}  // namespace prm
