// The pre-tokenizers as tokenizer.json spells them.
#pragma once

#include <string>
#include <string_view>

#include "data/pretokenizer.h"

namespace simdjson::dom {
class element;
}

namespace prm {

// The kind that `pre_tokenizer` of a tokenizer.json describes. Throws Error(kUnimplemented) naming
// what is not recognised.
PreTokenizer ParsePreTokenizer(const simdjson::dom::element& pre_tokenizer, std::string_view where);

// The JSON of `kind`.
std::string FormatPreTokenizer(PreTokenizer kind);

}  // namespace prm
