// What the words of a sentence say of the relations in it.
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

// Tokens with the text that they stand in.
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

// "equals" and "is equal to" become relation signs, unless negated. Returns how many relation signs
// there then are.
size_t MergeWordRelations(std::string_view text, std::vector<MathToken>* tokens);

// `supposed` is left to IsSupposed, which goes by the relation.
SentenceCues CuesOf(const TokenView& view, TokenRange sentence);

// "not", "doesn't" just before the left side, or within four words behind the right side; in a
// formula's sentence, anywhere.
bool IsNegatedNearby(const TokenView& view, const FoundRelation& relation);

// "if 2 > 3", "assume that 2^2 = 6": what is supposed is not claimed.
bool IsSupposed(const TokenView& view, const FoundRelation& relation);

// "divide", "dividing", "cancel" anywhere in the text before a sign, at the start of a sentence or
// not: the equation after it may have lost the root of what it was divided by.
bool MentionsDivision(std::string_view text_before);

}  // namespace prm
