// The pre-tokenizers as tokenizer.json spells them.
#pragma once

#include <string>
#include <string_view>

#include "data/pretokenizers/pretokenizer.h"

namespace simdjson::dom {
class element;
}

namespace prm {

// What `pre_tokenizer` of a tokenizer.json describes, null included. Throws Error(kUnimplemented)
// naming what is not recognised. `byte_level` says whether text becomes bytes.
TextSplit ParsePreTokenizer(const simdjson::dom::element& pre_tokenizer, std::string_view where,
                            bool* byte_level);

// The JSON of `split`; "null" where nothing is split.
std::string FormatPreTokenizer(const TextSplit& split, bool byte_level);

}  // namespace prm
