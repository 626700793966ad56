// A tokenizer for tests: one id a byte, newline is 10.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include "data/error.h"
#include "data/text/utf8.h"
#include "data/tokenizers/tokenizer.h"

namespace prm {

class ByteTokenizer : public Tokenizer {
 public:
  void Encode(std::string_view text, SpecialTokens, std::vector<TokenId>* ids,
              TextStart = TextStart::kNew) const override {
    if (const auto bad = FindInvalidUtf8(text)) {
      throw Error(ErrorCode::kInvalidArgument, StrCat("not UTF-8 at byte ", *bad));
    }
    for (unsigned char c : text) ids->push_back(c);
    encoded_bytes += int64_t(text.size());
  }
  int64_t MinTokens(std::string_view text) const override { return int64_t(text.size()); }
  std::string Decode(std::span<const TokenId> ids) const override {
    return std::string(ids.begin(), ids.end());
  }
  int vocab_size() const override { return 256; }
  std::optional<TokenId> PieceToId(std::string_view piece) const override {
    if (piece.size() != 1) return std::nullopt;
    return TokenId(static_cast<unsigned char>(piece[0]));
  }
  std::optional<TokenId> bos_id() const override { return std::nullopt; }
  std::optional<TokenId> eos_id() const override { return std::nullopt; }
  void Save(const std::filesystem::path&) const override {}

  mutable std::atomic<int64_t> encoded_bytes = 0;  // in all
};

}  // namespace prm
