// What a GGUF file of the llama architecture means: configuration, tokenizer, tensor names.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "data/tokenizer.h"
#include "model/gguf.h"
#include "model/model_config.h"

namespace prm {

// The configuration in the llama.* keys; rotary_layout is kInterleaved, and the embeddings are tied
// where there is no output.weight. Throws Error with `where` and the key: kUnimplemented for an
// architecture other than llama, rope scaling or experts, else kInvalidArgument.
ModelConfig GgufConfig(const GgufContents& contents, std::string_view where);

// The byte-level BPE tokenizer in the tokenizer.ggml.* keys. Throws Error(kUnimplemented) for
// another tokenizer model or pre-tokenizer, naming it.
std::shared_ptr<const Tokenizer> GgufTokenizer(const GgufContents& contents,
                                               std::string_view where);

// tokenizer.ggml.add_bos_token; false where it is absent.
bool GgufPrependsBos(const GgufContents& contents, std::string_view where);

// The Hugging Face name of a llama tensor; nullopt if it is none.
std::optional<std::string> HuggingFaceName(std::string_view gguf_name);

}  // namespace prm
