// BPE over bytes, or over characters as converted from SentencePiece, from a plain description of
// its vocabulary.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/normalizer.h"
#include "data/pretokenizer.h"
#include "data/special_matcher.h"
#include "data/tokenizer.h"

namespace prm {

struct BpeSpec {
  // Where it was read from, for messages.
  std::string where;
  // The bytes of each id (a character vocabulary: its piece); "" where the vocabulary has no token
  // of this id.
  std::vector<std::string> tokens;
  // Pairs of neighbours that merge, lowest rank first; their concatenation is a token.
  std::vector<std::pair<TokenId, TokenId>> merges;
  // A rank file instead of merges (which stay empty): two neighbours merge where their
  // concatenation is a token, the token of the lowest id first.
  bool merge_by_id = false;
  // A word that is a token becomes that token before any merge is tried.
  bool ignore_merges = false;
  // Applied to the text between special tokens, in this order.
  std::vector<NormalizerStep> normalizer;
  TextSplit split;
  // What merges start from.
  enum class Symbols { kBytes, kCharacters };
  Symbols symbols = Symbols::kBytes;
  // A character without a token becomes the tokens of its bytes, "<0x0A>" and so on, where
  // byte_fallback is set and all of them are there; else unk_id; else it is left out.
  bool byte_fallback = false;
  std::optional<TokenId> unk_id;
  bool fuse_unk = false;  // a run of unknown characters is one unk_id
  // Decode takes one space off the front.
  bool strips_first_space = false;
  // Their ids may lie inside `tokens` or behind them.
  std::vector<SpecialToken> special_tokens;
  std::optional<TokenId> bos_id, eos_id;
};

// Ids at or above it are refused, so that a damaged file cannot ask for absurd memory.
inline constexpr TokenId kMaxTokenId = 1 << 21;

// Fills spec->tokens and spec->merges from their printable byte-level spelling, as in vocab.json,
// merges.txt and GGUF: `pieces` by id ("" = none), `merges` as "left right". Set
// spec->special_tokens and spec->where before: a piece that is a special token is taken literally.
// Throws Error(kDataLoss) naming the id or the merge (from 0) that cannot be.
void SetByteLevelVocabulary(const std::vector<std::string>& pieces,
                            const std::vector<std::string>& merges, BpeSpec* spec);
// The same for a vocabulary of characters: pieces are taken as they are.
void SetCharacterVocabulary(const std::vector<std::string>& pieces,
                            const std::vector<std::string>& merges, BpeSpec* spec);

// The tokenizer of `spec`. A byte that has no token is left out before anything merges, as in PyPI
// `tokenizers`: SmolLM2 has none for six control characters. Decode gives bytes, which need not be
// UTF-8, and the text of special tokens. Save writes tokenizer.json and tokenizer_config.json in
// the Hugging Face layout. Throws Error(kDataLoss) where `spec` contradicts itself.
std::shared_ptr<const Tokenizer> MakeBpeTokenizer(BpeSpec spec);

}  // namespace prm
