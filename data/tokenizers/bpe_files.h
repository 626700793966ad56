// The files byte-level BPE vocabularies come in. Every function throws Error(kDataLoss) for a
// damaged file and Error(kUnimplemented) naming what is not supported; `where` names the file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/tokenizer_config.h"

namespace prm {

// `tokenizer.json` of PyPI `tokenizers`. `config` is the text of the tokenizer_config.json beside
// it, "" for none: it names the BOS and EOS tokens.
BpeSpec ParseTokenizerJson(std::string_view json, std::string_view config, std::string_view where);

// `vocab.json` and `merges.txt`. The pre-tokenizer follows from the tokenizer_class in `config`,
// or, without it, from a vocabulary that is known (GPT-2, Qwen2).
BpeSpec ParseVocabAndMerges(std::string_view vocab, std::string_view merges,
                            std::string_view config, std::string_view where);

// `vocab.json` alone: its pieces by id, "" where an id has none.
std::vector<std::string> ParseVocabJson(std::string_view json, std::string_view where);

// A tiktoken rank file: lines of base64 bytes and a rank. Pre-tokenizer and special tokens, which
// such files do not carry, follow from a vocabulary that is known (GPT-2, Qwen, Llama 3).
BpeSpec ParseTiktokenRanks(std::string_view ranks, std::string_view where);

// Whether `bytes` begin like a rank file.
bool LooksLikeTiktokenRanks(std::string_view bytes);

// Looks up the BOS and EOS tokens that `config` names.
void SetBosAndEos(const TokenizerConfig& config, BpeSpec* spec);

// Writes tokenizer.json and tokenizer_config.json; spec.merges are there even with merge_by_id.
void SaveBpeTokenizer(const BpeSpec& spec, const std::filesystem::path& folder);

// The same vocabulary and merges as SaveBpeTokenizer writes.
TokenizerParts PartsOf(const BpeSpec& spec);

}  // namespace prm
