// File formats of byte-level BPE vocabularies. Every function throws Error(kDataLoss) for a damaged
// file and Error(kUnimplemented) naming what is not supported; `where` names the file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/tokenizer_config.h"

namespace prm {

// Parses `tokenizer.json` of PyPI `tokenizers`. `config` is the text of its tokenizer_config.json,
// "" if none: it names the BOS and EOS tokens.
BpeSpec ParseTokenizerJson(std::string_view json, std::string_view config, std::string_view where);

// Parses `vocab.json` and `merges.txt`. The pre-tokenizer follows from the tokenizer_class in
// `config` or, without it, from a known vocabulary (GPT-2, Qwen2).
BpeSpec ParseVocabAndMerges(std::string_view vocab, std::string_view merges,
                            std::string_view config, std::string_view where);

// Parses only `vocab.json`: its pieces by id, "" for an unused id.
std::vector<std::string> ParseVocabJson(std::string_view json, std::string_view where);

// Parses a tiktoken rank file: lines of base64 bytes and a rank. Such files carry no pre-tokenizer
// and special tokens; these follow from a known vocabulary (GPT-2, Qwen, Llama 3).
BpeSpec ParseTiktokenRanks(std::string_view ranks, std::string_view where);

// Whether `bytes` look like the start of a rank file.
bool LooksLikeTiktokenRanks(std::string_view bytes);

// Looks up the BOS and EOS tokens that `config` names.
void SetBosAndEos(const TokenizerConfig& config, BpeSpec* spec);

// Writes tokenizer.json and tokenizer_config.json; spec.merges must be set even with merge_by_id.
void SaveBpeTokenizer(const BpeSpec& spec, const std::filesystem::path& folder);

// The vocabulary and merges that SaveBpeTokenizer writes.
TokenizerParts PartsOf(const BpeSpec& spec);

}  // namespace prm
