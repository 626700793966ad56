// How few tokens a text can become, told by its bytes alone.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/special_matcher.h"
#include "data/tokenizers/tokenizer.h"

namespace prm {

// Ids of ordinary text (SpecialTokens::kText) stand for at most as many bytes of normalized text as
// the longest token has, and a normalizer shrinks a text only so far. What a tokenizer may leave
// out does not count: bytes without a token, white space that an added token takes in. Immutable.
class TokenBound {
 public:
  // Nothing is known: 0 for any text.
  TokenBound() = default;
  explicit TokenBound(const BpeSpec& spec);
  // Of a SentencePiece model, and what is matched before it.
  TokenBound(const TokenizerParts& parts, std::span<const SpecialToken> matched);

  // At most the number of ids that UTF-8 `text` adds to a text that it is part of.
  int64_t operator()(std::string_view text) const;

 private:
  void CountMatched(std::span<const SpecialToken> matched, int64_t shrink);

  // A text has at least sum(weights) / divisor ids.
  std::array<uint8_t, 256> weights_{};
  int64_t divisor_ = 0;  // 0: nothing is known
};

}  // namespace prm
