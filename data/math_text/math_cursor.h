// The position of a mathematics lexer, and the tokens so far.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "data/math_text/math_token.h"
#include "data/text/ascii.h"

namespace prm {

// The region around the cursor, which determines what may close it.
enum class MathRegion : uint8_t {
  kProse,
  kDollar,        // $..$
  kDoubleDollar,  // $$..$$
  kBracket,       // \(..\) and \[..\]
  kAnnotation,    // <<..>>
};

// Spaces between tokens; a line end is a token.
inline bool IsMathSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// The functions that read a token from it are in lex_word.h, lex_number.h, lex_sign.h and
// lex_latex.h.
struct MathCursor {
  std::string_view text;
  std::vector<MathToken>& tokens;
  size_t at = 0;
  bool space = false;  // before `at`
  MathRegion region = MathRegion::kProse;
  int depth = 0;  // of open braces
  // Depth of each brace that produces no token, and whether it encloses prose.
  std::vector<std::pair<int, bool>> dropped = {};
  std::vector<std::pair<size_t, size_t>> annotations = {};  // [begin, end), to be read last

  // The byte `ahead` of the cursor; 0 past the end.
  char Peek(size_t ahead = 0) const { return at + ahead < text.size() ? text[at + ahead] : '\0'; }
  std::string_view Rest(size_t ahead = 0) const {
    return at + ahead < text.size() ? text.substr(at + ahead) : std::string_view();
  }
  bool InProse() const { return region == MathRegion::kProse; }
  // In a region, but not in the prose of a \text{..}.
  bool InFormula() const { return !InProse() && (dropped.empty() || !dropped.back().second); }

  const MathToken* Last() const { return tokens.empty() ? nullptr : &tokens.back(); }
  bool AfterWord() const { return Last() != nullptr && Last()->kind == TokenKind::kWord; }
  // Whether the last token ends an operand and only spaces follow it.
  bool AfterOperand() const;

  // Takes the next `length` bytes as one token.
  MathToken& Push(TokenKind kind, char op, size_t length);
  void PushRelation(Relation relation, size_t length) {
    Push(TokenKind::kRelation, 0, length).relation = relation;
  }
  // Also takes the subscript and primes that follow.
  void PushSymbol(size_t length);
  // Takes the bytes as a space.
  void Skip(size_t length) {
    at += length;
    space = true;
  }
};

}  // namespace prm
