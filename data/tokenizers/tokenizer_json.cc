// Reads tokenizer.json of PyPI `tokenizers`, and vocab.json.
#include <algorithm>

#include "data/error.h"
#include "data/io/json_lines.h"
#include "data/pretokenizers/pretokenizer_json.h"
#include "data/tokenizers/bpe_files.h"
#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/bpe_vocabulary.h"
#include "data/tokenizers/tokenizer_config.h"

namespace prm {
namespace {

namespace dom = simdjson::dom;

[[noreturn]] void Refuse(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::kDataLoss, StrCat(where, ": ", what));
}

TokenId CheckedId(const dom::element& value, std::string_view token, std::string_view where) {
  int64_t id;
  if (value.get(id) != simdjson::SUCCESS || id < 0 || id >= kMaxTokenId) {
    Refuse(where, StrCat("token \"", token, "\" has id ", simdjson::minify(value),
                         "; expected 0 to ", kMaxTokenId - 1));
  }
  return static_cast<TokenId>(id);
}

std::vector<std::string> PiecesById(const dom::object& vocab, std::string_view where) {
  std::vector<std::string> pieces;
  for (const auto& [piece, value] : vocab) {
    const auto id = static_cast<size_t>(CheckedId(value, piece, where));
    if (piece.empty()) Refuse(where, StrCat("token ", id, " is empty"));
    if (id >= pieces.size()) pieces.resize(id + 1);
    if (!pieces[id].empty()) {
      Refuse(where, StrCat("tokens \"", pieces[id], "\" and \"", piece, "\" both have id ", id));
    }
    pieces[id] = piece;
  }
  return pieces;
}

class TokenizerJsonReader {
 public:
  TokenizerJsonReader(const dom::element& root, std::string_view where)
      : root_(root), where_(where) {
    spec_.where = where_;
  }

  BpeSpec Read() {
    ReadModelOptions();
    dom::element part;
    if (root_["normalizer"].get(part) == simdjson::SUCCESS) {
      spec_.normalizer = ParseNormalizer(part, where_);
    }
    if (root_["pre_tokenizer"].get(part) != simdjson::SUCCESS) {
      Refuse(where_, "expected \"pre_tokenizer\", which may be null");
    }
    bool byte_level;
    spec_.split = ParsePreTokenizer(part, where_, &byte_level);
    ReadAddedTokens();
    if (byte_level) {
      SetByteLevelVocabulary(ReadVocab(), ReadMerges(), &spec_);
    } else {
      ReadCharacterVocabulary();
    }
    return std::move(spec_);
  }

 private:
  [[noreturn]] void Unsupported(const std::string& what) const {
    throw Error(ErrorCode::kUnimplemented, StrCat(where_, ": ", what, " is not supported"));
  }

  void ReadModelOptions() {
    if (root_["model"].get(model_) != simdjson::SUCCESS || !model_.is_object()) {
      Refuse(where_, "expected an object \"model\"");
    }
    std::string_view type;
    if (model_["type"].get(type) != simdjson::SUCCESS) Refuse(where_, "model has no type");
    if (type != "BPE") Unsupported(StrCat("model type ", type));
    for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      std::string_view text;
      if (model_[name].get(text) == simdjson::SUCCESS && !text.empty()) {
        Unsupported(StrCat("model with ", name));
      }
    }
    double dropout;
    if (model_["dropout"].get(dropout) == simdjson::SUCCESS && dropout != 0) {
      Unsupported("model with dropout");
    }
    spec_.byte_fallback = ModelFlag("byte_fallback");
    spec_.fuse_unk = ModelFlag("fuse_unk");
    spec_.ignore_merges = ModelFlag("ignore_merges");
  }

  bool ModelFlag(std::string_view name) const {
    bool flag;
    return model_[name].get(flag) == simdjson::SUCCESS && flag;
  }

  void ReadCharacterVocabulary() {
    spec_.symbols = BpeSpec::Symbols::kCharacters;
    const std::vector<std::string> pieces = ReadVocab();
    SetCharacterVocabulary(pieces, ReadMerges(), &spec_);
    std::string_view unknown;
    if (model_["unk_token"].get(unknown) == simdjson::SUCCESS) {
      const auto found = std::find(pieces.begin(), pieces.end(), unknown);
      if (found == pieces.end()) {
        Refuse(where_, StrCat("unk_token \"", unknown, "\" is not in the vocabulary"));
      }
      spec_.unk_id = static_cast<TokenId>(found - pieces.begin());
    }
    spec_.strips_first_space = DecoderStripsFirstSpace();
  }

  // Whether the decoder is Metaspace, or has a stage that strips one space at the start.
  bool DecoderStripsFirstSpace() const {
    dom::element decoder;
    if (root_["decoder"].get(decoder) != simdjson::SUCCESS || decoder.is_null()) return false;
    std::string_view type;
    if (decoder["type"].get(type) == simdjson::SUCCESS && type == "Metaspace") {
      return spec_.split.prefix_space != TextSplit::PrefixSpace::kNever;
    }
    dom::array parts;
    if (decoder["decoders"].get(parts) != simdjson::SUCCESS) return false;
    for (const dom::element part : parts) {
      int64_t start;
      std::string_view content;
      const bool strips = part["type"].get(type) == simdjson::SUCCESS && type == "Strip" &&
                          part["content"].get(content) == simdjson::SUCCESS && content == " " &&
                          part["start"].get(start) == simdjson::SUCCESS && start == 1;
      if (strips) return true;
    }
    return false;
  }

  void ReadAddedTokens() {
    dom::element tokens;
    if (root_["added_tokens"].get(tokens) != simdjson::SUCCESS || tokens.is_null()) return;
    dom::array array;
    if (tokens.get(array) != simdjson::SUCCESS) Refuse(where_, "added_tokens: expected a list");
    for (const dom::element token : array) {
      SpecialToken added = ParseAddedToken(token, where_);
      dom::element id;
      if (token["id"].get(id) != simdjson::SUCCESS) {
        Refuse(where_, StrCat("added token \"", added.text, "\" has no id"));
      }
      added.id = CheckedId(id, added.text, where_);
      spec_.special_tokens.push_back(std::move(added));
    }
  }

  std::vector<std::string> ReadVocab() const {
    dom::object vocab;
    if (model_["vocab"].get(vocab) != simdjson::SUCCESS) {
      Refuse(where_, "expected an object \"model.vocab\"");
    }
    return PiecesById(vocab, where_);
  }

  std::vector<std::string> ReadMerges() const {
    dom::array array;
    if (model_["merges"].get(array) != simdjson::SUCCESS) {
      Refuse(where_, "expected a list \"model.merges\"");
    }
    std::vector<std::string> merges;
    for (const dom::element merge : array) {
      std::string_view text;
      if (merge.get(text) == simdjson::SUCCESS) {
        merges.emplace_back(text);
        continue;
      }
      dom::array pair;
      std::string_view left, right;
      if (merge.get(pair) != simdjson::SUCCESS || pair.size() != 2 ||
          pair.at(0).get(left) != simdjson::SUCCESS || pair.at(1).get(right) != simdjson::SUCCESS) {
        Refuse(where_,
               StrCat("merge ", merges.size(), ": expected \"left right\" or [left, right]"));
      }
      merges.push_back(StrCat(left, " ", right));
    }
    return merges;
  }

  dom::element root_;
  dom::element model_;
  std::string where_;
  BpeSpec spec_;
};

}  // namespace

BpeSpec ParseTokenizerJson(std::string_view json, std::string_view config, std::string_view where) {
  dom::parser parser;
  BpeSpec spec = TokenizerJsonReader(ParseJsonObject(json, where, &parser).value, where).Read();
  SetBosAndEos(ParseTokenizerConfig(config, StrCat("tokenizer_config.json beside ", where)), &spec);
  return spec;
}

std::vector<std::string> ParseVocabJson(std::string_view json, std::string_view where) {
  dom::parser parser;
  return PiecesById(ParseJsonObject(json, where, &parser).value, where);
}

}  // namespace prm
