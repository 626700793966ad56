#include "data/tokenizers/sentencepiece_model.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "data/error.h"

namespace prm {
namespace {

using Kind = TokenizerParts::Kind;
using Model = TokenizerParts::Model;

// Field numbers of ModelProto and, below, of SentencePiece, TrainerSpec and NormalizerSpec.
enum : uint32_t { kPieces = 1, kTrainer = 2, kNormalizer = 3 };
enum : uint32_t { kPieceText = 1, kPieceScore = 2, kPieceType = 3 };
enum : uint32_t { kModelType = 3, kByteFallback = 35 };
enum : uint32_t { kCharsMap = 2, kDummyPrefix = 3, kRemoveSpaces = 4, kEscapeSpaces = 5 };
constexpr uint64_t kUnigram = 1, kBpe = 2;
enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  uint32_t number = 0;
  uint64_t value = 0;     // kVarint, kFixed32
  std::string_view data;  // kBytes
};

// The fields of one message, in order.
class Fields {
 public:
  Fields(std::string_view bytes, std::string_view where) : bytes_(bytes), where_(where) {}

  bool Next(Field* field) {
    if (at_ == bytes_.size()) return false;
    const uint64_t tag = Varint();
    *field = Field();
    field->number = uint32_t(tag >> 3);
    switch (tag & 7) {
      case kVarint:
        field->value = Varint();
        return true;
      case kBytes:
        field->data = Take(Varint());
        return true;
      case kFixed32: {
        uint32_t value = 0;
        std::memcpy(&value, Take(sizeof(value)).data(), sizeof(value));
        field->value = value;
        return true;
      }
      case kFixed64:
        Take(8);
        return true;
      default:
        Fail();
    }
  }

 private:
  [[noreturn]] void Fail() const {
    throw Error(ErrorCode::kDataLoss, StrCat(where_, ": SentencePiece model: damaged at byte ", at_,
                                             " of a message of ", bytes_.size()));
  }
  std::string_view Take(uint64_t size) {
    if (size > bytes_.size() - at_) Fail();
    const std::string_view taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = uint8_t(Take(1)[0]);
      value |= uint64_t(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    Fail();
  }

  std::string_view bytes_, where_;
  size_t at_ = 0;
};

TokenizerParts::Token ParsePiece(std::string_view piece, std::string_view where) {
  TokenizerParts::Token token;
  Fields fields(piece, where);
  for (Field field; fields.Next(&field);) {
    if (field.number == kPieceText) token.text = field.data;
    if (field.number == kPieceScore) {
      const auto bits = uint32_t(field.value);
      std::memcpy(&token.score, &bits, sizeof(bits));
    }
    if (field.number == kPieceType) token.kind = Kind(std::clamp<uint64_t>(field.value, 1, 6));
  }
  return token;
}

// Fields that a later message with the same number would override are kept: the last one wins.
void ReadNormalizer(std::string_view spec, std::string_view where, TokenizerParts* parts,
                    bool* changes_text) {
  Fields fields(spec, where);
  for (Field field; fields.Next(&field);) {
    if (field.number == kDummyPrefix) parts->space_prefix = field.value != 0;
    if (field.number == kCharsMap) changes_text[0] = !field.data.empty();
    if (field.number == kRemoveSpaces) changes_text[1] = field.value != 0;
  }
}

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(char(value | 0x80));
  out->push_back(char(value));
}
void AppendNumber(uint32_t field, uint64_t value, std::string* out) {
  AppendVarint(field << 3 | kVarint, out);
  AppendVarint(value, out);
}
void AppendBytes(uint32_t field, std::string_view bytes, std::string* out) {
  AppendVarint(field << 3 | kBytes, out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

}  // namespace

TokenizerParts ParseSentencePieceModel(std::string_view model, std::string_view where) {
  TokenizerParts parts;
  parts.model = Model::kSentencePieceUnigram;
  parts.space_prefix = true;             // the format's defaults
  bool changes_text[2] = {false, true};  // by a character map, by dropping spaces
  Fields fields(model, where);
  for (Field field; fields.Next(&field);) {
    if (field.number == kPieces) parts.tokens.push_back(ParsePiece(field.data, where));
    if (field.number == kNormalizer) ReadNormalizer(field.data, where, &parts, changes_text);
    if (field.number != kTrainer) continue;
    Fields trainer(field.data, where);
    for (Field option; trainer.Next(&option);) {
      if (option.number != kModelType) continue;
      if (option.value == kBpe) parts.model = Model::kSentencePieceBpe;
      if (option.value > kBpe) parts.beyond = "a model of whole words or characters";
    }
  }
  if (changes_text[0] || changes_text[1]) parts.beyond = "a normalizer that changes text";
  return parts;
}

std::string FormatSentencePieceModel(const TokenizerParts& parts) {
  std::string model;
  bool has_bytes = false;
  for (const TokenizerParts::Token& token : parts.tokens) {
    std::string piece;
    AppendBytes(kPieceText, token.text, &piece);
    AppendVarint(kPieceScore << 3 | kFixed32, &piece);
    piece.append(reinterpret_cast<const char*>(&token.score), sizeof(token.score));
    AppendNumber(kPieceType, uint64_t(token.kind), &piece);
    AppendBytes(kPieces, piece, &model);
    has_bytes = has_bytes || token.kind == Kind::kByte;
  }
  std::string trainer, normalizer;
  AppendNumber(kModelType, parts.model == Model::kSentencePieceBpe ? kBpe : kUnigram, &trainer);
  AppendNumber(kByteFallback, has_bytes, &trainer);
  AppendBytes(kTrainer, trainer, &model);
  AppendNumber(kDummyPrefix, parts.space_prefix, &normalizer);
  AppendNumber(kRemoveSpaces, 0, &normalizer);
  AppendNumber(kEscapeSpaces, 1, &normalizer);
  AppendBytes(kNormalizer, normalizer, &model);
  return model;
}

}  // namespace prm
