// Interprets GGUF files of the llama and qwen2 architectures: configuration, tokenizer, names.
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

// Reads the configuration from the llama.* or qwen2.* keys. rotary_layout is kInterleaved for
// llama; embeddings are tied if there is no output.weight. Throws Error with `where` and the key:
// kUnimplemented for another architecture, for experts, or for rope scaling other than linear and
// Llama 3.1's; else kInvalidArgument.
ModelConfig GgufConfig(const GgufContents& contents, std::string_view where);

// Builds the byte-level BPE or SentencePiece tokenizer of the tokenizer.ggml.* keys. Throws
// Error(kUnimplemented) naming an unsupported tokenizer model or pre-tokenizer.
std::shared_ptr<const Tokenizer> GgufTokenizer(const GgufContents& contents,
                                               std::string_view where);

// tokenizer.ggml.add_bos_token; if absent, whether the tokenizer is SentencePiece.
bool GgufPrependsBos(const GgufContents& contents, std::string_view where);

// Converts between Hugging Face and GGUF tensor names; nullopt for an unknown name.
std::optional<std::string> HuggingFaceName(std::string_view gguf_name);
std::optional<std::string> GgufName(std::string_view hugging_face_name);

// Tensor [head_dim / 2]: divisors of the rotary frequencies under llama3 scaling.
inline constexpr std::string_view kGgufRopeFactors = "rope_freqs.weight";

// A value of tokenizer.ggml.pre and how it splits text (PreTokenizerName). Tokenizers of Llama 3
// also take a whole word that is a token before merging, which the file does not state.
struct GgufPreTokenizer {
  std::string_view name;
  PreTokenizer kind;
  bool nfc;
};
std::span<const GgufPreTokenizer> GgufPreTokenizers();

}  // namespace prm
