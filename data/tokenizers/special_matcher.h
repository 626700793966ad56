// Finds special-token strings inside text.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/tokenizer.h"

namespace prm {

// A token that is matched as a whole string, outside pre-tokenizer and merges.
struct SpecialToken {
  std::string text;
  TokenId id = -1;
  // False for an "added" token of the ordinary vocabulary: it is matched even if special-token
  // strings are treated as text.
  bool special = true;
  bool lstrip = false, rstrip = false;  // includes white space before it, after it
  bool normalized = false;              // matched, itself normalized, in normalized text
};

// Immutable; safe from any thread.
class SpecialMatcher {
 public:
  struct Match {
    size_t begin, size_bytes;
    TokenId id;
  };

  // Texts are distinct and not empty.
  explicit SpecialMatcher(std::vector<SpecialToken> tokens);

  // The leftmost match at or after `from`, the longest that begins there, including its white
  // space.
  std::optional<Match> Find(std::string_view text, size_t from) const;

 private:
  const SpecialToken* MatchAt(std::string_view text, size_t at) const;

  std::vector<SpecialToken> tokens_;  // sorted by text
  std::array<bool, 256> starts_{};    // first bytes of the texts
  std::string first_bytes_;           // the same, once each
};

}  // namespace prm
