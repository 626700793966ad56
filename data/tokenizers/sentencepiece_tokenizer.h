// A Tokenizer for SentencePiece models.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "data/tokenizers/tokenizer.h"
#include "data/tokenizers/tokenizer_config.h"

namespace prm {

// The tokenizer of `model`, the bytes of a SentencePiece `tokenizer.model`. Special tokens are its
// control pieces and the added tokens of `config` (from tokenizer_config.json); text between two of
// them is encoded as SentencePiece encodes it by itself, with its dummy prefix. Decode follows
// SentencePiece: control pieces decode to nothing, the dummy prefix is removed. Save copies the
// model's bytes. Throws Error(kDataLoss) naming `where`.
std::shared_ptr<const Tokenizer> MakeSentencePieceTokenizer(std::string model,
                                                            const TokenizerConfig& config,
                                                            std::string_view where);

}  // namespace prm
