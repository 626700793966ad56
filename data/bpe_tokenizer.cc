// Throughput: see bench/tokenizer_bench.cc.
#include "data/bpe_tokenizer.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include "data/bpe_files.h"
#include "data/bpe_merge.h"
#include "data/byte_level.h"
#include "data/error.h"
#include "data/unicode.h"
#include "data/word_cache.h"

namespace prm {
namespace {

using TokenMap = std::unordered_map<std::string_view, TokenId>;

[[noreturn]] void Refuse(const BpeSpec& spec, const std::string& what) {
  throw Error(ErrorCode::kDataLoss, StrCat(spec.where, ": ", what));
}

// Borrows from spec.tokens.
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

// All pairs of tokens whose concatenation is a token, in the order in which a list of merges
// expresses the same ranks: by the merged id, then by the halves.
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

std::vector<SpecialToken> AlwaysMatched(const std::vector<SpecialToken>& tokens) {
  std::vector<SpecialToken> result;
  std::copy_if(tokens.begin(), tokens.end(), std::back_inserter(result),
               [](const SpecialToken& token) { return !token.special; });
  return result;
}

class BpeTokenizer : public Tokenizer {
 public:
  explicit BpeTokenizer(BpeSpec spec)
      : spec_(std::move(spec)),
        vocab_size_(VocabSize(spec_)),
        token_ids_(MapTokens(spec_)),
        special_ids_(MapSpecials(spec_)),
        scanner_(spec_.pretokenizer),
        all_specials_(spec_.special_tokens),
        text_specials_(AlwaysMatched(spec_.special_tokens)) {
    if (spec_.merge_by_id) {
      if (!spec_.merges.empty()) Refuse(spec_, "both merges and ranks");
      spec_.merges = MergesOfRanks(spec_, token_ids_);
    }
    merges_ = BuildMergeTable(spec_, token_ids_);
    for (int byte = 0; byte < 256; ++byte) {
      const char text = static_cast<char>(byte);
      const auto found = token_ids_.find(std::string_view(&text, 1));
      byte_ids_[byte] = found == token_ids_.end() ? kNone : found->second;
    }
    if (token_ids_.empty()) Refuse(spec_, "no tokens");
    AddSpecialTexts();
    CheckNamed("bos", spec_.bos_id);
    CheckNamed("eos", spec_.eos_id);
  }

  void Encode(std::string_view text, SpecialTokens special,
              std::vector<TokenId>* ids) const override {
    if (const std::optional<size_t> invalid = FindInvalidUtf8(text)) {
      throw Error(ErrorCode::kInvalidArgument, StrCat("text is not UTF-8 at byte ", *invalid));
    }
    const WordCachePool::Lease cache(&caches_);
    const SpecialMatcher& matcher =
        special == SpecialTokens::kParse ? all_specials_ : text_specials_;
    size_t begin = 0;
    while (const auto match = matcher.Find(text, begin)) {
      EncodeText(text.substr(begin, match->begin - begin), &*cache, ids);
      ids->push_back(match->id);
      begin = match->begin + match->size_bytes;
    }
    EncodeText(text.substr(begin), &*cache, ids);
  }

  std::string Decode(std::span<const TokenId> ids) const override {
    std::string text;
    for (size_t i = 0; i < ids.size(); ++i) {
      const std::string_view bytes = TextOf(ids[i]);
      if (bytes.empty()) {
        throw Error(ErrorCode::kOutOfRange,
                    StrCat("id ", ids[i], " at position ", i, " is no token of ", spec_.where));
      }
      text += bytes;
    }
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

 private:
  static constexpr TokenId kNone = -1;

  void AddSpecialTexts() {
    special_texts_.reserve(spec_.special_tokens.size());
    for (const auto& [text, id, special] : spec_.special_tokens) {
      const std::string_view other = TextOf(id);
      if (!other.empty() && (other != text || special_texts_.contains(id))) {
        Refuse(spec_,
               StrCat("special token \"", text, "\" has id ", id, ", which is \"", other, "\""));
      }
      special_texts_.emplace(id, text);
    }
  }

  void CheckNamed(std::string_view name, std::optional<TokenId> id) const {
    if (id && TextOf(*id).empty()) Refuse(spec_, StrCat(name, " id ", *id, " is no token"));
  }

  // Empty where `id` is no token.
  std::string_view TextOf(TokenId id) const {
    const auto special = special_texts_.find(id);
    if (special != special_texts_.end()) return special->second;
    if (id < 0 || static_cast<size_t>(id) >= spec_.tokens.size()) return {};
    return spec_.tokens[id];
  }

  void EncodeText(std::string_view text, WordCache* cache, std::vector<TokenId>* ids) const {
    if (text.empty()) return;
    if (spec_.nfc) {
      if (const std::optional<std::string> normal = NormalizeNfc(text)) {
        EncodeWords(*normal, cache, ids);
        return;
      }
    }
    EncodeWords(text, cache, ids);
  }

  void EncodeWords(std::string_view text, WordCache* cache, std::vector<TokenId>* ids) const {
    std::vector<TokenId> word;
    size_t begin = 0;
    while (begin < text.size()) {
      const size_t end = scanner_.WordEnd(text, begin);
      const size_t size = end - begin;
      if (size > WordKey::kMaxBytes) {
        EncodeWord(text.substr(begin, size), &word);
        ids->insert(ids->end(), word.begin(), word.end());
      } else {
        const WordKey key = WordKey::Of(text, begin, size);
        const std::span<const TokenId> known = cache->Find(key);
        if (!known.empty()) {
          ids->insert(ids->end(), known.begin(), known.end());
        } else {
          EncodeWord(text.substr(begin, size), &word);
          ids->insert(ids->end(), word.begin(), word.end());
          if (word.size() <= WordCache::kMaxIds) cache->Insert(key, word);
        }
      }
      begin = end;
    }
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
    for (const char c : bytes) {
      const TokenId id = byte_ids_[static_cast<unsigned char>(c)];
      if (id != kNone) word->push_back(id);
    }
    MergeWord(merges_, word);
  }

  BpeSpec spec_;
  int vocab_size_;
  TokenMap token_ids_;    // borrows from spec_
  TokenMap special_ids_;  // borrows from spec_
  std::unordered_map<TokenId, std::string_view> special_texts_;
  std::array<TokenId, 256> byte_ids_{};
  MergeTable merges_;
  WordScanner scanner_;
  SpecialMatcher all_specials_, text_specials_;
  mutable WordCachePool caches_;
};

// The bytes of the piece of `id`; "" for none.
std::string PieceBytes(const BpeSpec& spec, const TokenMap& special_ids, const std::string& piece,
                       size_t id) {
  const auto special = special_ids.find(piece);
  if (special != special_ids.end() && special->second == static_cast<TokenId>(id)) {
    // Spelled literally: in ASCII, where the spellings agree, merges may still make it.
    const bool ascii = std::all_of(piece.begin(), piece.end(), [](char c) { return c >= 0; });
    return ascii ? piece : std::string();
  }
  std::optional<std::string> bytes = ByteLevelBytes(piece);
  if (!bytes) Refuse(spec, StrCat("token ", id, " \"", piece, "\" is not byte-level text"));
  return *std::move(bytes);
}

}  // namespace

void SetByteLevelVocabulary(const std::vector<std::string>& pieces,
                            const std::vector<std::string>& merges, BpeSpec* spec) {
  const TokenMap special_ids = MapSpecials(*spec);
  TokenMap ids;
  ids.reserve(pieces.size());
  spec->tokens.clear();
  spec->tokens.reserve(pieces.size());
  for (size_t id = 0; id < pieces.size(); ++id) {
    spec->tokens.push_back(PieceBytes(*spec, special_ids, pieces[id], id));
    if (!pieces[id].empty()) ids.emplace(pieces[id], static_cast<TokenId>(id));
  }
  spec->merges.clear();
  spec->merges.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view merge = merges[rank];
    const size_t space = merge.find(' ');
    if (space == std::string_view::npos) {
      Refuse(*spec, StrCat("merge ", rank, " \"", merge, "\" is not two tokens"));
    }
    const auto left = ids.find(merge.substr(0, space));
    const auto right = ids.find(merge.substr(space + 1));
    if (left == ids.end() || right == ids.end()) {
      Refuse(*spec, StrCat("merge ", rank, " \"", merge, "\" joins what is not in the vocabulary"));
    }
    spec->merges.emplace_back(left->second, right->second);
  }
}

std::shared_ptr<const Tokenizer> MakeBpeTokenizer(BpeSpec spec) {
  return std::make_shared<BpeTokenizer>(std::move(spec));
}

}  // namespace prm
