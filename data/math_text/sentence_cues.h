// What the words of a sentence tell about the relations in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "data/math_text/math_token.h"
#include "data/math_text/relation.h"

namespace prm {

// Tokens with the text they come from.
struct TokenView {
  std::string_view text;
  std::span<const MathToken> tokens;

  uint32_t Size() const { return uint32_t(tokens.size()); }
  const MathToken& At(uint32_t i) const { return tokens[i]; }
  std::string_view TextOf(uint32_t i) const {
    return text.substr(tokens[i].begin, tokens[i].end - tokens[i].begin);
  }
  // Whether token `i` is a word of one of `classes`, a set of WordClass bits.
  bool IsWord(uint32_t i, uint32_t classes) const {
    return tokens[i].kind == TokenKind::kWord && (tokens[i].word.classes & classes) != 0;
  }
  // Whether token `i` is written as one of `words`.
  bool IsForm(uint32_t i, std::initializer_list<std::string_view> words) const;
};

// "equals" and "is equal to" become relation signs, unless negated. Returns the resulting number of
// relation signs.
size_t MergeWordRelations(std::string_view text, std::vector<MathToken>* tokens);

// Leaves `supposed` to IsSupposed, which depends on the relation.
SentenceCues CuesOf(const TokenView& view, TokenRange sentence);

// Finds "not", "doesn't" just before the left side or within four words after the right side; in a
// formula's sentence, anywhere.
bool IsNegatedNearby(const TokenView& view, const FoundRelation& relation);

// Finds "if 2 > 3", "assume that 2^2 = 6": a supposition is not a claim.
bool IsSupposed(const TokenView& view, const FoundRelation& relation);

// Finds "divide", "dividing", "cancel" anywhere in the text before a sign: the equation after it
// may have lost a root by the division.
bool MentionsDivision(std::string_view text_before);

}  // namespace prm
