// BPE over bytes, or over characters (converted from SentencePiece).
#pragma once

#include <memory>

#include "data/tokenizers/bpe_spec.h"

namespace prm {

// The tokenizer of `spec`. A byte without a token is dropped before merging, as in PyPI
// `tokenizers`: SmolLM2 lacks six control characters. Decode returns bytes, which need not be
// UTF-8, and the text of special tokens. Save writes tokenizer.json and tokenizer_config.json in
// the Hugging Face layout. Throws Error(kDataLoss) if `spec` contradicts itself.
std::shared_ptr<const Tokenizer> MakeBpeTokenizer(BpeSpec spec);

}  // namespace prm
