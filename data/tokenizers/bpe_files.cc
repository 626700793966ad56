#include "data/tokenizers/bpe_files.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

#include "data/error.h"
#include "data/pretokenizers/byte_level.h"
#include "data/tokenizers/bpe_families.h"
#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/bpe_vocabulary.h"

namespace prm {
namespace {

[[noreturn]] void Refuse(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::kDataLoss, StrCat(where, ": ", what));
}

// Removes and returns the next line of `*text`, without its line end.
std::string_view TakeLine(std::string_view* text) {
  const size_t end = text->find('\n');
  std::string_view line = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::vector<std::string> MergeLines(std::string_view text) {
  std::vector<std::string> merges;
  bool first = true;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    const bool is_version = first && line.starts_with("#version");
    first = false;
    if (!line.empty() && !is_version) merges.emplace_back(line);
  }
  return merges;
}

// nullopt unless the whole text is base64.
std::optional<std::string> DecodeBase64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const size_t end = text.find_last_not_of('=') + 1, padding = text.size() - end;
  if (padding > 2 || text.find('=') < end) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int decoded =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), int(text.size()));
  // OpenSSL skips invalid characters at both ends and then returns fewer bytes.
  if (decoded != int(bytes.size())) return std::nullopt;
  bytes.resize(bytes.size() - padding);
  return bytes;
}

struct RankLine {
  std::string bytes;
  TokenId rank;
};

std::optional<RankLine> ParseRankLine(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  std::optional<std::string> bytes = DecodeBase64(line.substr(0, space));
  TokenId rank = -1;
  const char* end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data() + space + 1, end, rank);
  if (!bytes || bytes->empty() || error != std::errc() || stop != end || rank < 0) {
    return std::nullopt;
  }
  return RankLine{*std::move(bytes), rank};
}

std::optional<TokenId> FindToken(const std::string& text, const BpeSpec& spec) {
  for (const SpecialToken& token : spec.special_tokens) {
    if (token.text == text) return token.id;
  }
  const auto found = std::find(spec.tokens.begin(), spec.tokens.end(), text);
  if (found == spec.tokens.end()) return std::nullopt;
  return static_cast<TokenId>(found - spec.tokens.begin());
}

TokenizerConfig ConfigOfFamily(const BpeFamily& family) {
  TokenizerConfig config;
  if (!family.bos.empty()) config.bos_token = family.bos;
  if (!family.eos.empty()) config.eos_token = family.eos;
  return config;
}

std::vector<std::string> DecodedPieces(const std::vector<std::string>& pieces) {
  std::vector<std::string> tokens;
  for (const std::string& piece : pieces) {
    tokens.push_back(ByteLevelBytes(piece).value_or(""));
  }
  return tokens;
}

const BpeFamily& KnownFamily(const BpeFamily* family, std::string_view where,
                             const std::string& what) {
  if (!family) {
    throw Error(ErrorCode::kUnimplemented,
                StrCat(where, ": ", what, " does not say which pre-tokenizer it needs; known are ",
                       FamilyNames(), "; a tokenizer.json would say it"));
  }
  return *family;
}

}  // namespace

void SetBosAndEos(const TokenizerConfig& config, BpeSpec* spec) {
  const auto find = [&](const std::optional<std::string>& text) -> std::optional<TokenId> {
    if (!text) return std::nullopt;
    const std::optional<TokenId> id = FindToken(*text, *spec);
    if (!id) Refuse(spec->where, StrCat("the configuration names \"", *text, "\": no such token"));
    return id;
  };
  spec->bos_id = find(config.bos_token);
  spec->eos_id = find(config.eos_token);
}

BpeSpec ParseVocabAndMerges(std::string_view vocab, std::string_view merges,
                            std::string_view config_json, std::string_view where) {
  BpeSpec spec;
  spec.where = where;
  const std::vector<std::string> pieces = ParseVocabJson(vocab, where);
  TokenizerConfig config =
      ParseTokenizerConfig(config_json, StrCat("tokenizer_config.json beside ", where));
  const bool has_class = !config.tokenizer_class.empty();
  const BpeFamily& family =
      has_class ? KnownFamily(FamilyOfClass(config.tokenizer_class), where,
                              StrCat("tokenizer_class ", config.tokenizer_class))
                : KnownFamily(FamilyOfVocabulary(DecodedPieces(pieces)), where, "this vocabulary");
  spec.split.kind = family.pretokenizer;
  if (family.nfc) spec.normalizer = {NormalizerStep{}};
  const bool says_nothing = !has_class && config.added_tokens.empty();
  spec.special_tokens = says_nothing ? FamilySpecialTokens(family) : config.added_tokens;
  if (says_nothing) config = ConfigOfFamily(family);
  SetByteLevelVocabulary(pieces, MergeLines(merges), &spec);
  SetBosAndEos(config, &spec);
  return spec;
}

bool LooksLikeTiktokenRanks(std::string_view bytes) {
  return ParseRankLine(TakeLine(&bytes)).has_value();
}

BpeSpec ParseTiktokenRanks(std::string_view ranks, std::string_view where) {
  BpeSpec spec;
  spec.where = where;
  spec.merge_by_id = true;
  spec.ignore_merges = true;
  for (int line_number = 1; !ranks.empty(); ++line_number) {
    const std::string_view line = TakeLine(&ranks);
    if (line.empty()) continue;
    std::optional<RankLine> parsed = ParseRankLine(line);
    if (!parsed || parsed->rank >= kMaxTokenId) {
      Refuse(where, StrCat("line ", line_number, ": expected base64 bytes and a rank below ",
                           kMaxTokenId));
    }
    const auto rank = static_cast<size_t>(parsed->rank);
    if (rank >= spec.tokens.size()) spec.tokens.resize(rank + 1);
    if (!spec.tokens[rank].empty()) {
      Refuse(where, StrCat("line ", line_number, ": rank ", rank, " is there twice"));
    }
    spec.tokens[rank] = std::move(parsed->bytes);
  }
  const BpeFamily& family = KnownFamily(FamilyOfVocabulary(spec.tokens), where, "this rank file");
  spec.split.kind = family.pretokenizer;
  if (family.nfc) spec.normalizer = {NormalizerStep{}};
  spec.special_tokens = FamilySpecialTokens(family);
  SetBosAndEos(ConfigOfFamily(family), &spec);
  return spec;
}

}  // namespace prm
