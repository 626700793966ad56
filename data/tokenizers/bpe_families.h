// Byte-level BPE vocabularies whose files lack information: what their publishers state separately.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/bpe_spec.h"

namespace prm {

// Completes a vocabulary that has no configuration file.
struct BpeFamily {
  std::string_view name;             // "GPT-2", ...
  std::string_view tokenizer_class;  // of tokenizer_config.json, without a final "Fast"; may be ""
  PreTokenizer pretokenizer;
  bool nfc;
  // Size of the vocabulary without special tokens, and the bytes of its last token.
  size_t base_tokens;
  std::string_view last_token;
  std::string_view bos, eos;  // "" if none
};

// The family whose base vocabulary starts `tokens` (id -> bytes); nullptr if none.
const BpeFamily* FamilyOfVocabulary(const std::vector<std::string>& tokens);

// Looks up the tokenizer_class of a tokenizer_config.json; nullptr if unknown.
const BpeFamily* FamilyOfClass(std::string_view tokenizer_class);

// "GPT-2, Qwen, Llama 3".
std::string FamilyNames();

// The special tokens of the family's first release, with their ids.
std::vector<SpecialToken> FamilySpecialTokens(const BpeFamily& family);

}  // namespace prm
