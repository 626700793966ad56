// The file format of SentencePiece models, without the library: taken apart and put together.
// Source: sentencepiece_model.proto and the protocol buffer wire format.
#pragma once

#include <string>
#include <string_view>

#include "data/tokenizers/tokenizer.h"

namespace prm {

// The parts of a serialized ModelProto. Throws Error(kDataLoss) naming `where` and the byte.
TokenizerParts ParseSentencePieceModel(std::string_view model, std::string_view where);

// A serialized BPE model of these parts, with byte fallback where there are byte pieces; its
// normalizer does nothing but what parts.space_prefix says.
std::string FormatSentencePieceModel(const TokenizerParts& parts);

}  // namespace prm
