// Parses and writes the file format of SentencePiece models, without the library. Source:
// sentencepiece_model.proto and the protocol buffer wire format.
#pragma once

#include <string>
#include <string_view>

#include "data/tokenizers/tokenizer.h"

namespace prm {

// The parts of a serialized ModelProto. Throws Error(kDataLoss) naming `where` and the byte.
TokenizerParts ParseSentencePieceModel(std::string_view model, std::string_view where);

// A serialized BPE model of these parts, with byte fallback if there are byte pieces; its
// normalizer only applies parts.space_prefix.
std::string FormatSentencePieceModel(const TokenizerParts& parts);

}  // namespace prm
