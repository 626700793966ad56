#include "data/tokenizers/bpe_vocabulary.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "data/error.h"
#include "data/pretokenizers/byte_level.h"

namespace prm {
namespace {

using TokenMap = std::unordered_map<std::string_view, TokenId>;

[[noreturn]] void Refuse(const BpeSpec& spec, const std::string& what) {
  throw Error(ErrorCode::kDataLoss, StrCat(spec.where, ": ", what));
}

// The bytes of the piece of `id`; "" if none.
std::string PieceBytes(const BpeSpec& spec, const TokenMap& special_ids, const std::string& piece,
                       size_t id) {
  const auto special = special_ids.find(piece);
  if (special != special_ids.end() && special->second == static_cast<TokenId>(id)) {
    // Spelled literally. In ASCII both spellings agree, so merges may still produce it.
    const bool ascii = std::all_of(piece.begin(), piece.end(), [](char c) { return c >= 0; });
    return ascii ? piece : std::string();
  }
  std::optional<std::string> bytes = ByteLevelBytes(piece);
  if (!bytes) Refuse(spec, StrCat("token ", id, " \"", piece, "\" is not byte-level text"));
  return *std::move(bytes);
}

void SetMerges(const std::vector<std::string>& pieces, const std::vector<std::string>& merges,
               BpeSpec* spec) {
  TokenMap ids;
  ids.reserve(pieces.size());
  for (size_t id = 0; id < pieces.size(); ++id) {
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

}  // namespace

void SetByteLevelVocabulary(const std::vector<std::string>& pieces,
                            const std::vector<std::string>& merges, BpeSpec* spec) {
  TokenMap special_ids;
  for (const SpecialToken& token : spec->special_tokens) special_ids.emplace(token.text, token.id);
  spec->tokens.clear();
  spec->tokens.reserve(pieces.size());
  for (size_t id = 0; id < pieces.size(); ++id) {
    spec->tokens.push_back(PieceBytes(*spec, special_ids, pieces[id], id));
  }
  SetMerges(pieces, merges, spec);
}

void SetCharacterVocabulary(const std::vector<std::string>& pieces,
                            const std::vector<std::string>& merges, BpeSpec* spec) {
  spec->tokens = pieces;
  SetMerges(pieces, merges, spec);
}

}  // namespace prm
