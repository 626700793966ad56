// Throughput: see bench/tokenizer_bench.cc.
#include "data/tokenizers/bpe_tokenizer.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include "data/error.h"
#include "data/text/utf8.h"
#include "data/tokenizers/bpe_files.h"
#include "data/tokenizers/bpe_merge.h"
#include "data/tokenizers/token_bound.h"
#include "data/tokenizers/word_cache.h"

namespace prm {
namespace {

using TokenMap = std::unordered_map<std::string_view, TokenId>;

[[noreturn]] void Refuse(const BpeSpec& spec, const std::string& what) {
  throw Error(ErrorCode::kDataLoss, StrCat(spec.where, ": ", what));
}

// The result borrows from spec.tokens.
TokenMap MapTokens(const BpeSpec& spec) {
  TokenMap map;
  map.reserve(spec.tokens.size());
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    const std::string& token = spec.tokens[id];
    if (token.empty()) continue;
    const auto [other, is_new] = map.emplace(token, static_cast<TokenId>(id));
    if (!is_new) {
      Refuse(spec, StrCat("tokens ", other->second, " and ", id, " have the same bytes"));
    }
  }
  return map;
}

int VocabSize(const BpeSpec& spec) {
  size_t size = spec.tokens.size();
  if (size > static_cast<size_t>(kMaxTokenId)) {
    Refuse(spec, StrCat(size, " tokens; at most ", kMaxTokenId, " are supported"));
  }
  for (const SpecialToken& token : spec.special_tokens) {
    if (token.id < 0 || token.id >= kMaxTokenId) {
      Refuse(spec, StrCat("special token \"", token.text, "\" has id ", token.id,
                          "; expected 0 to ", kMaxTokenId - 1));
    }
    size = std::max(size, static_cast<size_t>(token.id) + 1);
  }
  return static_cast<int>(size);
}

TokenMap MapSpecials(const BpeSpec& spec) {
  TokenMap map;
  for (const SpecialToken& token : spec.special_tokens) {
    if (token.text.empty()) Refuse(spec, StrCat("special token ", token.id, " is empty"));
    if (FindInvalidUtf8(token.text)) {
      Refuse(spec, StrCat("special token ", token.id, " is not UTF-8"));
    }
    if (!map.emplace(token.text, token.id).second) {
      Refuse(spec, StrCat("special token \"", token.text, "\" is there twice"));
    }
  }
  return map;
}

// All pairs of tokens whose concatenation is a token, in the order of an equivalent list of merges:
// by the merged id, then by the halves.
std::vector<std::pair<TokenId, TokenId>> MergesOfRanks(const BpeSpec& spec, const TokenMap& map) {
  std::vector<std::pair<TokenId, TokenId>> merges;
  for (const std::string& token : spec.tokens) {
    const size_t first = merges.size();
    const std::string_view bytes = token;
    for (size_t cut = 1; cut < bytes.size(); ++cut) {
      const auto left = map.find(bytes.substr(0, cut));
      if (left == map.end()) continue;
      const auto right = map.find(bytes.substr(cut));
      if (right != map.end()) merges.emplace_back(left->second, right->second);
    }
    std::sort(merges.begin() + first, merges.end());
  }
  return merges;
}

MergeTable BuildMergeTable(const BpeSpec& spec, const TokenMap& map) {
  MergeTable table(spec.merges.size());
  const auto size = static_cast<TokenId>(spec.tokens.size());
  std::string joined;
  for (size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const auto [left, right] = spec.merges[rank];
    if (left < 0 || left >= size || right < 0 || right >= size || spec.tokens[left].empty() ||
        spec.tokens[right].empty()) {
      Refuse(spec,
             StrCat("merge ", rank, " joins ids ", left, " and ", right, "; expected two tokens"));
    }
    joined = spec.tokens[left];
    joined += spec.tokens[right];
    const auto merged = map.find(joined);
    if (merged == map.end()) Refuse(spec, StrCat("merge ", rank, " makes no token"));
    const TokenId merged_rank = spec.merge_by_id ? merged->second : static_cast<TokenId>(rank);
    if (!table.Add(left, right, {merged_rank, merged->second})) {
      Refuse(spec, StrCat("merge ", rank, " repeats an earlier one"));
    }
  }
  return table;
}

// The tokens to match before text is normalized, or after; without special ones unless `parse`.
std::vector<SpecialToken> Matched(const BpeSpec& spec, bool parse, bool normalized) {
  std::vector<SpecialToken> result;
  for (SpecialToken token : spec.special_tokens) {
    if (token.normalized != normalized || (token.special && !parse)) continue;
    if (normalized) token.text = Normalize(spec.normalizer, token.text).value_or(token.text);
    if (!token.text.empty()) result.push_back(std::move(token));
  }
  return result;
}

class BpeTokenizer : public Tokenizer {
 public:
  explicit BpeTokenizer(BpeSpec spec)
      : spec_(std::move(spec)),
        vocab_size_(VocabSize(spec_)),
        token_ids_(MapTokens(spec_)),
        special_ids_(MapSpecials(spec_)),
        continued_normalizer_(spec_.normalizer),
        scanner_(spec_.split.kind),
        splitter_(spec_.split.stages, spec_.where),
        parse_(spec_, true),
        text_(spec_, false),
        bound_(spec_) {
    if (spec_.merge_by_id) {
      if (!spec_.merges.empty()) Refuse(spec_, "both merges and ranks");
      spec_.merges = MergesOfRanks(spec_, token_ids_);
    }
    merges_ = BuildMergeTable(spec_, token_ids_);
    for (int byte = 0; byte < 256; ++byte) {
      const auto found = token_ids_.find(ByteToken(byte));
      byte_ids_[byte] = found == token_ids_.end() ? kNone : found->second;
    }
    if (token_ids_.empty()) Refuse(spec_, "no tokens");
    std::erase_if(continued_normalizer_, [](const NormalizerStep& step) {
      return step.kind == NormalizerStep::Kind::kPrepend;
    });
    AddSpecialTexts();
    CheckNamed("bos", spec_.bos_id);
    CheckNamed("eos", spec_.eos_id);
  }

  void Encode(std::string_view text, SpecialTokens special, std::vector<TokenId>* ids,
              TextStart start) const override {
    if (const std::optional<size_t> invalid = FindInvalidUtf8(text)) {
      throw Error(ErrorCode::kInvalidArgument, StrCat("text is not UTF-8 at byte ", *invalid));
    }
    const WordCachePool::Lease cache(&caches_);
    const Matchers& matchers = special == SpecialTokens::kParse ? parse_ : text_;
    ForEachPart(matchers.raw, text, ids, [&](std::string_view part, bool is_first) {
      const bool continues = is_first && start == TextStart::kContinues;
      const std::optional<std::string> normal =
          Normalize(continues ? continued_normalizer_ : spec_.normalizer, part);
      ForEachPart(matchers.normalized, normal ? *normal : part, ids,
                  [&](std::string_view words, bool is_first_part) {
                    EncodeText(words, is_first_part && continues, is_first && is_first_part,
                               &*cache, ids);
                  });
    });
  }

  int64_t MinTokens(std::string_view text) const override { return bound_(text); }

  std::string Decode(std::span<const TokenId> ids) const override {
    std::string text;
    for (size_t i = 0; i < ids.size(); ++i) {
      const std::string_view bytes = TextOf(ids[i]);
      if (bytes.empty()) {
        throw Error(ErrorCode::kOutOfRange,
                    StrCat("id ", ids[i], " at position ", i, " is no token of ", spec_.where));
      }
      if (const auto found = normalized_texts_.find(ids[i]); found != normalized_texts_.end()) {
        text += found->second;
      } else if (spec_.symbols == BpeSpec::Symbols::kCharacters &&
                 !special_texts_.contains(ids[i])) {
        const auto byte = std::ranges::find(byte_ids_, ids[i]);
        text += byte == byte_ids_.end()
                    ? ReplaceAll(bytes, kSpaceMark, " ")
                    : std::string(1, static_cast<char>(byte - byte_ids_.begin()));
      } else {
        text += bytes;
      }
    }
    if (spec_.strips_first_space && text.starts_with(' ')) text.erase(0, 1);
    return text;
  }

  int vocab_size() const override { return vocab_size_; }

  std::optional<TokenId> PieceToId(std::string_view piece) const override {
    if (const auto found = special_ids_.find(piece); found != special_ids_.end()) {
      return found->second;
    }
    const auto found = token_ids_.find(piece);
    return found == token_ids_.end() ? std::nullopt : std::optional(found->second);
  }

  std::optional<TokenId> bos_id() const override { return spec_.bos_id; }
  std::optional<TokenId> eos_id() const override { return spec_.eos_id; }

  void Save(const std::filesystem::path& folder) const override { SaveBpeTokenizer(spec_, folder); }
  TokenizerParts Parts() const override { return PartsOf(spec_); }

 private:
  using PrefixSpace = TextSplit::PrefixSpace;
  static constexpr TokenId kNone = -1;

  struct Matchers {
    Matchers(const BpeSpec& spec, bool parse)
        : raw(Matched(spec, parse, false)), normalized(Matched(spec, parse, true)) {}
    SpecialMatcher raw, normalized;
  };

  // Calls encode(part, whether it begins the text) between matches; appends the matches' ids.
  template <class EncodePart>
  static void ForEachPart(const SpecialMatcher& matcher, std::string_view text,
                          std::vector<TokenId>* ids, const EncodePart& encode) {
    size_t begin = 0;
    const auto part = [&](size_t end) {
      if (end > begin) encode(text.substr(begin, end - begin), begin == 0);
    };
    while (const auto match = matcher.Find(text, begin)) {
      part(match->begin);
      ids->push_back(match->id);
      begin = match->begin + match->size_bytes;
    }
    part(text.size());
  }

  void AddSpecialTexts() {
    special_texts_.reserve(spec_.special_tokens.size());
    for (const SpecialToken& token : spec_.special_tokens) {
      const auto& [text, id] = std::tie(token.text, token.id);
      const std::string_view other = TextOf(id);
      if (!other.empty() && (other != text || special_texts_.contains(id))) {
        Refuse(spec_,
               StrCat("special token \"", text, "\" has id ", id, ", which is \"", other, "\""));
      }
      special_texts_.emplace(id, text);
      if (!token.normalized) continue;
      const std::string normal = Normalize(spec_.normalizer, text).value_or(text);
      normalized_texts_.emplace(id, ReplaceAll(normal, kSpaceMark, " "));
    }
  }

  void CheckNamed(std::string_view name, std::optional<TokenId> id) const {
    if (id && TextOf(*id).empty()) Refuse(spec_, StrCat(name, " id ", *id, " is no token"));
  }

  // Empty if `id` is not a token.
  std::string_view TextOf(TokenId id) const {
    const auto special = special_texts_.find(id);
    if (special != special_texts_.end()) return special->second;
    if (id < 0 || static_cast<size_t>(id) >= spec_.tokens.size()) return {};
    return spec_.tokens[id];
  }

  // `is_first`: begins the encoded text. `continues`: directly follows other ids.
  void EncodeText(std::string_view text, bool continues, bool is_first, WordCache* cache,
                  std::vector<TokenId>* ids) const {
    if (!spec_.split.marks_spaces && spec_.split.prefix_space == PrefixSpace::kNever) {
      return EncodeWords(text, cache, ids);
    }
    const std::string_view space = spec_.split.marks_spaces ? kSpaceMark : " ";
    std::string spaced = ReplaceAll(text, " ", space);
    const bool wants_space =
        !continues && (spec_.split.prefix_space == PrefixSpace::kAlways ||
                       (spec_.split.prefix_space == PrefixSpace::kFirst && is_first));
    if (wants_space && !spaced.starts_with(space)) spaced.insert(0, space);
    EncodeWords(spaced, cache, ids);
  }

  void EncodeWords(std::string_view text, WordCache* cache, std::vector<TokenId>* ids) const {
    if (spec_.split.kind == PreTokenizer::kStages) {
      std::vector<std::string_view> pieces;
      splitter_.Split(text, &pieces);
      for (const std::string_view piece : pieces) {
        AppendWord(text, size_t(piece.data() - text.data()), piece.size(), cache, ids);
      }
      return;
    }
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = scanner_.WordEnd(text, begin);
      AppendWord(text, begin, end - begin, cache, ids);
      begin = end;
    }
  }

  // The word of `size` bytes at `begin`.
  void AppendWord(std::string_view text, size_t begin, size_t size, WordCache* cache,
                  std::vector<TokenId>* ids) const {
    std::vector<TokenId> word;
    if (size > WordKey::kMaxBytes) {
      EncodeWord(text.substr(begin, size), &word);
      ids->insert(ids->end(), word.begin(), word.end());
      return;
    }
    const WordKey key = WordKey::Of(text, begin, size);
    const std::span<const TokenId> known = cache->Find(key);
    if (!known.empty()) {
      ids->insert(ids->end(), known.begin(), known.end());
      return;
    }
    EncodeWord(text.substr(begin, size), &word);
    ids->insert(ids->end(), word.begin(), word.end());
    if (word.size() <= WordCache::kMaxIds) cache->Insert(key, word);
  }

  void EncodeWord(std::string_view bytes, std::vector<TokenId>* word) const {
    word->clear();
    if (spec_.ignore_merges) {
      if (const auto whole = token_ids_.find(bytes); whole != token_ids_.end()) {
        word->push_back(whole->second);
        return;
      }
    }
    if (bytes.size() >= UINT32_MAX) {
      throw Error(ErrorCode::kOutOfRange,
                  StrCat("a word of ", bytes.size(), " bytes; at most ", UINT32_MAX - 1));
    }
    word->reserve(bytes.size());
    if (spec_.symbols == BpeSpec::Symbols::kBytes) {
      for (const char c : bytes) AppendByte(c, word);
    } else {
      AppendCharacters(bytes, word);
    }
    MergeWord(merges_, word);
  }

  void AppendByte(char byte, std::vector<TokenId>* word) const {
    const TokenId id = byte_ids_[static_cast<unsigned char>(byte)];
    if (id != kNone) word->push_back(id);
  }

  void AppendCharacters(std::string_view text, std::vector<TokenId>* word) const {
    bool after_unknown = false;
    for (size_t at = 0; at < text.size();) {
      const std::string_view character = text.substr(at, DecodeUtf8(text.data() + at).size_bytes);
      at += character.size();
      const auto found = token_ids_.find(character);
      const bool unknown = found == token_ids_.end() && !HasByteTokens(character);
      if (found != token_ids_.end()) {
        word->push_back(found->second);
      } else if (!unknown) {
        for (const char c : character) AppendByte(c, word);
      } else if (spec_.unk_id && !(after_unknown && spec_.fuse_unk)) {
        word->push_back(*spec_.unk_id);
      }
      after_unknown = unknown;
    }
  }

  bool HasByteTokens(std::string_view character) const {
    return spec_.byte_fallback && std::ranges::all_of(character, [&](char c) {
             return byte_ids_[static_cast<unsigned char>(c)] != kNone;
           });
  }

  // The vocabulary's spelling of a byte.
  std::string ByteToken(int byte) const {
    if (spec_.symbols == BpeSpec::Symbols::kBytes) return std::string(1, static_cast<char>(byte));
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    return StrCat("<0x", kDigits[size_t(byte) / 16], kDigits[size_t(byte) % 16], ">");
  }

  BpeSpec spec_;
  int vocab_size_;
  TokenMap token_ids_;    // borrows from spec_
  TokenMap special_ids_;  // borrows from spec_
  std::unordered_map<TokenId, std::string_view> special_texts_;
  std::unordered_map<TokenId, std::string> normalized_texts_;  // of tokens matched normalized
  std::array<TokenId, 256> byte_ids_{};
  std::vector<NormalizerStep> continued_normalizer_;  // without the prefix of a new text
  MergeTable merges_;
  WordScanner scanner_;
  StageSplitter splitter_;  // of kStages
  Matchers parse_, text_;   // special strings parsed, taken as text
  TokenBound bound_;
  mutable WordCachePool caches_;
};

}  // namespace

std::shared_ptr<const Tokenizer> MakeBpeTokenizer(BpeSpec spec) {
  return std::make_shared<BpeTokenizer>(std::move(spec));
}

}  // namespace prm
