// The parts of tokenizer_config.json that tokenizers need.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/special_matcher.h"

namespace simdjson::dom {
class element;
}

namespace prm {

struct TokenizerConfig {
  std::string tokenizer_class;  // "" if not given
  std::optional<std::string> bos_token, eos_token;
  std::vector<SpecialToken> added_tokens;  // added_tokens_decoder
};

// `json` may be "": the config is then empty. Throws Error(kDataLoss) naming `where` and the field.
TokenizerConfig ParseTokenizerConfig(std::string_view json, std::string_view where);

// Parses a token of added_tokens or added_tokens_decoder, without its id. Throws
// Error(kUnimplemented) for a token that only matches whole words.
SpecialToken ParseAddedToken(const simdjson::dom::element& token, std::string_view where);

// tokenizer_config.json for a Hugging Face tokenizer.
std::string FormatTokenizerConfig(const TokenizerConfig& config);

}  // namespace prm
