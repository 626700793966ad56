#include "data/tokenizers/sentencepiece_tokenizer.h"

#include <sentencepiece_processor.h>

#include <unordered_map>
#include <utility>

#include "data/error.h"
#include "data/io/text_io.h"
#include "data/text/utf8.h"
#include "data/tokenizers/sentencepiece_model.h"
#include "data/tokenizers/token_bound.h"

namespace prm {
namespace {

// ModelProto.normalizer_spec (field 3) with add_dummy_prefix (field 3) false, as serialized: a
// repeated message is merged into the earlier one.
constexpr std::string_view kNoDummyPrefix("\x1a\x02\x18\x00", 4);

class SentencePieceTokenizer : public Tokenizer {
 public:
  SentencePieceTokenizer(std::string model, const TokenizerConfig& config, std::string_view where)
      : model_(std::move(model)), where_(where), config_(config), matcher_({}) {
    const auto status = processor_.LoadFromSerializedProto(model_);
    if (!status.ok()) Refuse(status.ToString());
    const auto continuing_status =
        continuing_.LoadFromSerializedProto(model_ + std::string(kNoDummyPrefix));
    if (!continuing_status.ok()) Refuse(continuing_status.ToString());
    if (processor_.GetPieceSize() == 0) Refuse("no pieces");
    vocab_size_ = processor_.GetPieceSize();
    CollectSpecials();
    matcher_ = SpecialMatcher(Values(special_ids_));
    added_matcher_ = SpecialMatcher(Values(always_ids_));
    bos_id_ = NamedId(config_.bos_token, processor_.bos_id());
    eos_id_ = NamedId(config_.eos_token, processor_.eos_id());
    bound_ = TokenBound(Parts(), Values(always_ids_));
  }

  void Encode(std::string_view text, SpecialTokens special, std::vector<TokenId>* ids,
              TextStart start) const override {
    if (const std::optional<size_t> invalid = FindInvalidUtf8(text)) {
      throw Error(ErrorCode::kInvalidArgument, StrCat("text is not UTF-8 at byte ", *invalid));
    }
    const SpecialMatcher& matcher = special == SpecialTokens::kParse ? matcher_ : added_matcher_;
    size_t begin = 0;
    while (const auto match = matcher.Find(text, begin)) {
      EncodeText(text.substr(begin, match->begin - begin), begin == 0 ? start : TextStart::kNew,
                 ids);
      ids->push_back(match->id);
      begin = match->begin + match->size_bytes;
    }
    EncodeText(text.substr(begin), begin == 0 ? start : TextStart::kNew, ids);
  }

  int64_t MinTokens(std::string_view text) const override { return bound_(text); }

  std::string Decode(std::span<const TokenId> ids) const override {
    std::string text;
    std::vector<int> run;
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < 0 || ids[i] >= vocab_size_) ThrowNoToken(ids[i], i);
      if (ids[i] < processor_.GetPieceSize()) {
        run.push_back(ids[i]);
        continue;
      }
      const auto added = added_texts_.find(ids[i]);
      if (added == added_texts_.end()) ThrowNoToken(ids[i], i);
      DecodeRun(&run, &text);
      text += added->second;
    }
    DecodeRun(&run, &text);
    return text;
  }

  int vocab_size() const override { return vocab_size_; }

  std::optional<TokenId> PieceToId(std::string_view piece) const override {
    if (const auto added = special_ids_.find(std::string(piece)); added != special_ids_.end()) {
      return added->second.id;
    }
    const int id = processor_.PieceToId(piece);
    // SentencePiece returns the unknown id for pieces that it does not have.
    if (id == processor_.unk_id() && processor_.IdToPiece(id) != piece) return std::nullopt;
    return id;
  }

  std::optional<TokenId> bos_id() const override { return bos_id_; }
  std::optional<TokenId> eos_id() const override { return eos_id_; }

  void Save(const std::filesystem::path& folder) const override {
    WriteFileAtomically(folder / "tokenizer.model", model_);
    WriteFileAtomically(folder / "tokenizer_config.json", FormatTokenizerConfig(config_));
  }

  TokenizerParts Parts() const override {
    using Kind = TokenizerParts::Kind;
    TokenizerParts parts = ParseSentencePieceModel(model_, where_);
    for (const SpecialToken& token : config_.added_tokens) {
      if (size_t(token.id) >= parts.tokens.size()) parts.tokens.resize(size_t(token.id) + 1);
      parts.tokens[size_t(token.id)] = {token.text,
                                        token.special ? Kind::kControl : Kind::kUserDefined};
    }
    return parts;
  }

 private:
  using SpecialMap = std::unordered_map<std::string, SpecialToken>;

  [[noreturn]] void Refuse(const std::string& what) const {
    throw Error(ErrorCode::kDataLoss, StrCat(where_, ": SentencePiece model: ", what));
  }
  [[noreturn]] void ThrowNoToken(TokenId id, size_t position) const {
    throw Error(ErrorCode::kOutOfRange,
                StrCat("id ", id, " at position ", position, " is no token of ", where_));
  }

  static std::vector<SpecialToken> Values(const SpecialMap& map) {
    std::vector<SpecialToken> tokens;
    for (const auto& [text, token] : map) tokens.push_back(token);
    return tokens;
  }

  void CollectSpecials() {
    for (int id = 0; id < processor_.GetPieceSize(); ++id) {
      const std::string& piece = processor_.IdToPiece(id);
      if (processor_.IsControl(id) && !piece.empty()) special_ids_[piece] = {piece, id, true};
    }
    for (const SpecialToken& token : config_.added_tokens) {
      if (token.id < processor_.GetPieceSize()) {
        if (processor_.IdToPiece(token.id) != token.text) {
          Refuse(StrCat("added token \"", token.text, "\" has the id of \"",
                        processor_.IdToPiece(token.id), "\""));
        }
      } else {
        added_texts_[token.id] = token.text;
        vocab_size_ = std::max(vocab_size_, token.id + 1);
      }
      special_ids_[token.text] = token;
      if (!token.special) always_ids_[token.text] = token;
    }
  }

  std::optional<TokenId> NamedId(const std::optional<std::string>& name, int model_id) const {
    if (name) {
      const std::optional<TokenId> id = PieceToId(*name);
      if (!id) Refuse(StrCat("the configuration names \"", *name, "\": no such token"));
      return id;
    }
    return model_id >= 0 ? std::optional<TokenId>(model_id) : std::nullopt;
  }

  void EncodeText(std::string_view text, TextStart start, std::vector<TokenId>* ids) const {
    if (text.empty()) return;
    std::vector<int> pieces;
    const auto status = (start == TextStart::kNew ? processor_ : continuing_).Encode(text, &pieces);
    if (!status.ok()) throw Error(ErrorCode::kInternal, StrCat(where_, ": ", status.ToString()));
    ids->insert(ids->end(), pieces.begin(), pieces.end());
  }

  void DecodeRun(std::vector<int>* run, std::string* text) const {
    if (run->empty()) return;
    std::string part;
    const auto status = processor_.Decode(*run, &part);
    if (!status.ok()) throw Error(ErrorCode::kInternal, StrCat(where_, ": ", status.ToString()));
    *text += part;
    run->clear();
  }

  std::string model_;
  std::string where_;
  TokenizerConfig config_;
  sentencepiece::SentencePieceProcessor processor_;
  sentencepiece::SentencePieceProcessor continuing_;  // inserts no space before a text
  int vocab_size_ = 0;
  SpecialMap special_ids_;                                // control pieces and added tokens
  SpecialMap always_ids_;                                 // added tokens that are not special
  std::unordered_map<TokenId, std::string> added_texts_;  // of ids after the model's pieces
  SpecialMatcher matcher_;
  SpecialMatcher added_matcher_{{}};
  std::optional<TokenId> bos_id_, eos_id_;
  TokenBound bound_;
};

}  // namespace

std::shared_ptr<const Tokenizer> MakeSentencePieceTokenizer(std::string model,
                                                            const TokenizerConfig& config,
                                                            std::string_view where) {
  return std::make_shared<SentencePieceTokenizer>(std::move(model), config, where);
}

}  // namespace prm
