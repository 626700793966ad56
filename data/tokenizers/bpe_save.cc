#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "data/error.h"
#include "data/io/text_io.h"
#include "data/pretokenizers/byte_level.h"
#include "data/pretokenizers/pretokenizer_json.h"
#include "data/text/utf8.h"
#include "data/tokenizers/bpe_files.h"
#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/tokenizer_config.h"

namespace prm {
namespace {

std::string Quote(std::string_view text) { return nlohmann::json(text).dump(); }

// The key of each id in model.vocab, "" for none. PyPI `tokenizers` numbers added tokens outside
// the vocabulary consecutively from its size; if that would give other ids, they are written into
// the vocabulary.
std::vector<std::string> VocabKeys(const BpeSpec& spec) {
  std::vector<std::string> keys;
  keys.reserve(spec.tokens.size());
  const bool bytes = spec.symbols == BpeSpec::Symbols::kBytes;
  for (const std::string& token : spec.tokens) keys.push_back(bytes ? ByteLevelText(token) : token);
  size_t next_id = keys.size();
  bool consecutive = std::find(keys.begin(), keys.end(), "") == keys.end();
  std::vector<SpecialToken> added = spec.special_tokens;
  std::sort(added.begin(), added.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  for (const SpecialToken& token : added) {
    if (static_cast<size_t>(token.id) < keys.size()) {
      keys[token.id] = token.text;
    } else {
      consecutive = consecutive && static_cast<size_t>(token.id) == next_id++;
    }
  }
  if (consecutive) return keys;
  for (const SpecialToken& token : added) {
    if (static_cast<size_t>(token.id) >= keys.size()) keys.resize(token.id + 1);
    keys[token.id] = token.text;
  }
  return keys;
}

std::string FormatAddedTokens(const BpeSpec& spec) {
  std::vector<SpecialToken> tokens = spec.special_tokens;
  std::sort(tokens.begin(), tokens.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  std::string json;
  for (const SpecialToken& token : tokens) {
    json += json.empty() ? "\n    " : ",\n    ";
    json += nlohmann::ordered_json{{"id", token.id},          {"content", token.text},
                                   {"single_word", false},    {"lstrip", token.lstrip},
                                   {"rstrip", token.rstrip},  {"normalized", token.normalized},
                                   {"special", token.special}}
                .dump();
  }
  return json;
}

std::string FormatVocab(const std::vector<std::string>& keys) {
  std::string json;
  for (size_t id = 0; id < keys.size(); ++id) {
    if (keys[id].empty()) continue;
    json += json.empty() ? "\n      " : ",\n      ";
    json += Quote(keys[id]);
    json += ": ";
    json += std::to_string(id);
  }
  return json;
}

std::string FormatMerges(const BpeSpec& spec, const std::vector<std::string>& keys) {
  std::string json;
  for (const auto& [left, right] : spec.merges) {
    json += json.empty() ? "\n      [" : ",\n      [";
    json += Quote(keys[left]);
    json += ", ";
    json += Quote(keys[right]);
    json += "]";
  }
  return json;
}

const char* Bool(bool value) { return value ? "true" : "false"; }

std::string FormatDecoder(const BpeSpec& spec) {
  using Json = nlohmann::ordered_json;
  if (spec.symbols == BpeSpec::Symbols::kBytes) {
    return Json{{"type", "ByteLevel"},
                {"add_prefix_space", false},
                {"trim_offsets", true},
                {"use_regex", true}}
        .dump();
  }
  Json stages = Json::array(
      {Json{{"type", "Replace"}, {"pattern", {{"String", kSpaceMark}}}, {"content", " "}},
       Json{{"type", "ByteFallback"}}, Json{{"type", "Fuse"}}});
  if (spec.strips_first_space) {
    stages.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  return Json{{"type", "Sequence"}, {"decoders", stages}}.dump();
}

std::string FormatTokenizerJson(const BpeSpec& spec) {
  const std::vector<std::string> keys = VocabKeys(spec);
  return StrCat(
      "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n",
      "  \"added_tokens\": [", FormatAddedTokens(spec), "],\n",
      "  \"normalizer\": ", FormatNormalizer(spec.normalizer), ",\n", "  \"pre_tokenizer\": ",
      FormatPreTokenizer(spec.split, spec.symbols == BpeSpec::Symbols::kBytes), ",\n",
      "  \"post_processor\": null,\n", "  \"decoder\": ", FormatDecoder(spec), ",\n",
      "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n",
      "    \"unk_token\": ", spec.unk_id ? Quote(spec.tokens[*spec.unk_id]) : "null", ",\n",
      "    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n",
      "    \"fuse_unk\": ", Bool(spec.fuse_unk), ",\n",
      "    \"byte_fallback\": ", Bool(spec.byte_fallback), ",\n",
      "    \"ignore_merges\": ", Bool(spec.ignore_merges), ",\n", "    \"vocab\": {",
      FormatVocab(keys), "},\n", "    \"merges\": [", FormatMerges(spec, keys), "]\n  }\n}\n");
}

std::string TextOfId(const BpeSpec& spec, TokenId id) {
  for (const SpecialToken& token : spec.special_tokens) {
    if (token.id == id) return token.text;
  }
  return spec.tokens[id];
}

// The properties for which TokenizerParts has no field, in words.
std::string BeyondParts(const BpeSpec& spec) {
  const bool strips = std::ranges::any_of(
      spec.special_tokens, [](const SpecialToken& token) { return token.lstrip || token.rstrip; });
  const bool only_nfc =
      spec.normalizer.empty() || spec.normalizer == std::vector<NormalizerStep>{NormalizerStep{}};
  if (strips) return "special tokens that take in white space";
  if (!only_nfc) return "a normalizer other than NFC";
  return "";
}

}  // namespace

TokenizerParts PartsOf(const BpeSpec& spec) {
  using Kind = TokenizerParts::Kind;
  const bool bytes = spec.symbols == BpeSpec::Symbols::kBytes;
  TokenizerParts parts;
  parts.model = bytes ? TokenizerParts::Model::kByteLevelBpe : TokenizerParts::Model::kCharacterBpe;
  const std::vector<std::string> keys = VocabKeys(spec);
  for (const std::string& key : keys) parts.tokens.push_back({key});
  for (const SpecialToken& token : spec.special_tokens) {
    if (size_t(token.id) >= parts.tokens.size()) parts.tokens.resize(size_t(token.id) + 1);
    parts.tokens[size_t(token.id)] = {token.text,
                                      token.special ? Kind::kControl : Kind::kUserDefined};
  }
  for (const auto& [left, right] : spec.merges) {
    parts.merges.push_back(StrCat(keys[size_t(left)], " ", keys[size_t(right)]));
  }
  parts.splitter = PreTokenizerName(spec.split.kind);
  parts.nfc = !spec.normalizer.empty();
  parts.ignore_merges = spec.ignore_merges;
  parts.space_prefix = spec.split.prefix_space != TextSplit::PrefixSpace::kNever ||
                       std::ranges::any_of(spec.normalizer, [](const NormalizerStep& step) {
                         return step.kind == NormalizerStep::Kind::kPrepend;
                       });
  parts.beyond = BeyondParts(spec);
  return parts;
}

void SaveBpeTokenizer(const BpeSpec& spec, const std::filesystem::path& folder) {
  TokenizerConfig config;
  config.tokenizer_class = "PreTrainedTokenizerFast";
  if (spec.bos_id) config.bos_token = TextOfId(spec, *spec.bos_id);
  if (spec.eos_id) config.eos_token = TextOfId(spec, *spec.eos_id);
  config.added_tokens = spec.special_tokens;
  for (const auto& named : {config.bos_token, config.eos_token}) {
    if (named && FindInvalidUtf8(*named)) {
      throw Error(ErrorCode::kFailedPrecondition,
                  StrCat(spec.where, ": the BOS or EOS token is not UTF-8 and cannot be saved"));
    }
  }
  WriteFileAtomically(folder / "tokenizer.json", FormatTokenizerJson(spec));
  WriteFileAtomically(folder / "tokenizer_config.json", FormatTokenizerConfig(config));
}

}  // namespace prm
