// Text to token ids: the interface.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

using TokenId = int32_t;

// How special-token strings inside a text are encoded: as ordinary text, or as their ids.
enum class SpecialTokens { kText, kParse };

// Whether a text is at the start, where some tokenizers insert a space, or continues after existing
// ids.
enum class TextStart { kNew, kContinues };

// The contents of a tokenizer, in the spelling of its files, for writing another format.
struct TokenizerParts {
  enum class Model { kByteLevelBpe, kCharacterBpe, kSentencePieceBpe, kSentencePieceUnigram };
  // Numbered as in SentencePiece and GGUF. Ordinary text never yields a control token.
  enum class Kind { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };
  struct Token {
    std::string text;  // "" if there is no token with this id
    Kind kind = Kind::kNormal;
    float score = 0;  // SentencePiece's
  };
  Model model = Model::kByteLevelBpe;
  std::vector<Token> tokens;        // by id
  std::vector<std::string> merges;  // BPE: "left right", lowest rank first
  std::string splitter;             // BPE: how words are split (PreTokenizerName)
  bool nfc = false;                 // text is normalized to NFC and not otherwise
  bool ignore_merges = false;       // a word that is a token becomes it before any merge
  bool space_prefix = false;        // a space is inserted before a text that begins a trace
  std::string beyond;  // what else changes ids, in words: "a normalizer"; empty: nothing
};

// Immutable after construction: any thread may call any method.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Appends the ids of `text` to `*ids`; never adds BOS or EOS. Throws Error(kInvalidArgument) with
  // the byte offset if `text` is not UTF-8.
  virtual void Encode(std::string_view text, SpecialTokens special, std::vector<TokenId>* ids,
                      TextStart start = TextStart::kNew) const = 0;
  // A lower bound of the ids that `text` adds to a text containing it, as ordinary text
  // (SpecialTokens::kText), computed from its bytes; 0 if unknown. The bounds of parts add up.
  virtual int64_t MinTokens(std::string_view text) const;
  virtual std::string Decode(std::span<const TokenId> ids) const = 0;

  // Ids are in [0, vocab_size).
  virtual int vocab_size() const = 0;
  // The id of a whole piece or special token by its literal text; nullopt if there is none.
  virtual std::optional<TokenId> PieceToId(std::string_view piece) const = 0;
  virtual std::optional<TokenId> bos_id() const = 0;
  virtual std::optional<TokenId> eos_id() const = 0;

  // Writes the files from which LoadTokenizer(folder), load_tokenizer.h, makes an equal tokenizer.
  virtual void Save(const std::filesystem::path& folder) const = 0;
  // Throws Error(kUnimplemented) unless overridden.
  virtual TokenizerParts Parts() const;
};

}  // namespace prm
