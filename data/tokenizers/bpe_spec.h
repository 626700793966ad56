// A BPE vocabulary, over bytes or over characters (converted from SentencePiece), independent of
// any file format.
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
  // Where it was read from; used in messages.
  std::string where;
  // The bytes of each id (in a character vocabulary, its piece); "" if the vocabulary has no token
  // with this id.
  std::vector<std::string> tokens;
  // Adjacent pairs that merge, lowest rank first; their concatenation is a token.
  std::vector<std::pair<TokenId, TokenId>> merges;
  // From a rank file, instead of merges (which stay empty): two neighbours merge if their
  // concatenation is a token, lowest id first.
  bool merge_by_id = false;
  // A word that is a token becomes that token before any merge is tried.
  bool ignore_merges = false;
  // Applied to the text between special tokens, in this order.
  std::vector<NormalizerStep> normalizer;
  TextSplit split;
  // The units from which merging starts.
  enum class Symbols { kBytes, kCharacters };
  Symbols symbols = Symbols::kBytes;
  // A character without a token becomes its byte tokens, "<0x0A>" and so on, if byte_fallback is
  // set and all of them exist; else unk_id; else it is dropped.
  bool byte_fallback = false;
  std::optional<TokenId> unk_id;
  bool fuse_unk = false;  // a run of unknown characters is one unk_id
  // Decode removes one leading space.
  bool strips_first_space = false;
  // Their ids may be inside `tokens` or after them.
  std::vector<SpecialToken> special_tokens;
  std::optional<TokenId> bos_id, eos_id;
};

// Ids at or above it are refused, so a damaged file cannot request excessive memory.
inline constexpr TokenId kMaxTokenId = 1 << 21;

}  // namespace prm
