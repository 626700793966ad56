// What a GGUF file of the llama or qwen2 architecture means: configuration, tokenizer, tensor
// names.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "data/pretokenizers/pretokenizer.h"
#include "data/tokenizers/tokenizer.h"
#include "model/config/model_config.h"
#include "model/files/gguf.h"

namespace prm {

// The configuration in the llama.* or qwen2.* keys; rotary_layout is kInterleaved for llama, and
// the embeddings are tied where there is no output.weight. Throws Error with `where` and the key:
// kUnimplemented for another architecture, rope scaling other than linear and Llama 3.1's, or
// experts, else kInvalidArgument.
ModelConfig GgufConfig(const GgufContents& contents, std::string_view where);

// The byte-level BPE or SentencePiece tokenizer in the tokenizer.ggml.* keys. Throws
// Error(kUnimplemented) for another tokenizer model or pre-tokenizer, naming it.
std::shared_ptr<const Tokenizer> GgufTokenizer(const GgufContents& contents,
                                               std::string_view where);

// tokenizer.ggml.add_bos_token; where it is absent, whether the tokenizer is SentencePiece.
bool GgufPrependsBos(const GgufContents& contents, std::string_view where);

// The Hugging Face name of a tensor, and the other way; nullopt if it is none.
std::optional<std::string> HuggingFaceName(std::string_view gguf_name);
std::optional<std::string> GgufName(std::string_view hugging_face_name);

// What divides the rotary frequencies where llama3 scaling is on: [head_dim / 2].
inline constexpr std::string_view kGgufRopeFactors = "rope_freqs.weight";

// A name of tokenizer.ggml.pre, and how it splits text: PreTokenizerName. A tokenizer of Llama 3
// takes a word that is a token before it merges, which the file does not say.
struct GgufPreTokenizer {
  std::string_view name;
  PreTokenizer kind;
  bool nfc;
};
std::span<const GgufPreTokenizer> GgufPreTokenizers();

}  // namespace prm
