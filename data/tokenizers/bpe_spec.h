// A BPE vocabulary, over bytes or over characters as converted from SentencePiece, described apart
// from any file format.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/pretokenizers/normalizer.h"
#include "data/pretokenizers/pretokenizer.h"
#include "data/tokenizers/special_matcher.h"
#include "data/tokenizers/tokenizer.h"

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

}  // namespace prm
