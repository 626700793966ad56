// Reads and writes pre-tokenizers in the notation of tokenizer.json.
#pragma once

#include <string>
#include <string_view>

#include "data/pretokenizers/pretokenizer.h"

namespace simdjson::dom {
class element;
}

namespace prm {

// Parses `pre_tokenizer` of a tokenizer.json, which may be null. Throws Error(kUnimplemented)
// naming what is not recognised. Sets `*byte_level` if text becomes bytes.
TextSplit ParsePreTokenizer(const simdjson::dom::element& pre_tokenizer, std::string_view where,
                            bool* byte_level);

// The JSON of `split`; "null" if nothing is split.
std::string FormatPreTokenizer(const TextSplit& split, bool byte_level);

}  // namespace prm
