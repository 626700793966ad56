// BPE over bytes, or over characters as converted from SentencePiece.
#pragma once

#include <memory>

#include "data/tokenizers/bpe_spec.h"

namespace prm {

// The tokenizer of `spec`. A byte that has no token is left out before anything merges, as in PyPI
// `tokenizers`: SmolLM2 has none for six control characters. Decode gives bytes, which need not be
// UTF-8, and the text of special tokens. Save writes tokenizer.json and tokenizer_config.json in
// the Hugging Face layout. Throws Error(kDataLoss) where `spec` contradicts itself.
std::shared_ptr<const Tokenizer> MakeBpeTokenizer(BpeSpec spec);

}  // namespace prm
