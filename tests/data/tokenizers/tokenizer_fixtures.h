// What the tokenizer tests share: a small vocabulary, short calls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/tokenizer.h"
#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {

inline std::vector<TokenId> Ids(const Tokenizer& tokenizer, std::string_view text,
                                SpecialTokens special = SpecialTokens::kText) {
  std::vector<TokenId> ids;
  tokenizer.Encode(text, special, &ids);
  return ids;
}

// Ids 0..255 are the bytes; 256 "he", 257 "ll", 258 "hell", 259 "hello", 260 " w".
inline BpeSpec TinySpec() {
  BpeSpec spec;
  spec.where = "tiny";
  for (int byte = 0; byte < 256; ++byte) spec.tokens.emplace_back(1, static_cast<char>(byte));
  spec.tokens.insert(spec.tokens.end(), {"he", "ll", "hell", "hello", " w"});
  spec.merges = {{'h', 'e'}, {'l', 'l'}, {256, 257}, {258, 'o'}, {' ', 'w'}};
  spec.special_tokens = {
      {"<|end|>", 261, true}, {"<|end|>more", 262, true}, {"<tool>", 263, false}};
  spec.bos_id = 261;
  spec.eos_id = 262;
  return spec;
}

}  // namespace prm
