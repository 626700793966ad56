// A lower bound of the tokens of a text, computed only from its bytes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/special_matcher.h"
#include "data/tokenizers/tokenizer.h"

namespace prm {

// An id of ordinary text (SpecialTokens::kText) covers at most as many bytes of normalized text as
// the longest token has, and a normalizer can shrink a text only by so much. Bytes that a tokenizer
// may drop do not count: bytes without a token, white space absorbed by an added token. Immutable.
class TokenBound {
 public:
  // No bound: returns 0 for any text.
  TokenBound() = default;
  explicit TokenBound(const BpeSpec& spec);
  // For a SentencePiece model and the tokens matched before it.
  TokenBound(const TokenizerParts& parts, std::span<const SpecialToken> matched);

  // A lower bound of the ids that UTF-8 `text` adds to a text containing it.
  int64_t operator()(std::string_view text) const;

 private:
  void CountMatched(std::span<const SpecialToken> matched, int64_t shrink);

  // A text has at least sum(weights) / divisor ids.
  std::array<uint8_t, 256> weights_{};
  int64_t divisor_ = 0;  // 0: no bound
};

}  // namespace prm
