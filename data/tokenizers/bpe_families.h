// Byte-level BPE vocabularies whose bare files say too little: what their publishers state beside
// them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/bpe_spec.h"

namespace prm {

// What completes a vocabulary that has no configuration beside it.
struct BpeFamily {
  std::string_view name;             // "GPT-2", ...
  std::string_view tokenizer_class;  // of tokenizer_config.json, without a final "Fast"; may be ""
  PreTokenizer pretokenizer;
  bool nfc;
  // The vocabulary without special tokens: how many, and the bytes of the last.
  size_t base_tokens;
  std::string_view last_token;
  std::string_view bos, eos;  // "" for none
};

// The family whose base vocabulary `tokens` (id -> bytes) begin with; nullptr for none.
const BpeFamily* FamilyOfVocabulary(const std::vector<std::string>& tokens);

// By the tokenizer_class of a tokenizer_config.json; nullptr for none.
const BpeFamily* FamilyOfClass(std::string_view tokenizer_class);

// "GPT-2, Qwen, Llama 3".
std::string FamilyNames();

// The special tokens of the family's first release, with their ids.
std::vector<SpecialToken> FamilySpecialTokens(const BpeFamily& family);

}  // namespace prm
