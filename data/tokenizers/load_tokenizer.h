// Opens a tokenizer from any supported file.
#pragma once

#include <filesystem>
#include <memory>

#include "data/tokenizers/tokenizer.h"

namespace prm {

// Opens a folder or a file: `tokenizer.json`, `vocab.json` + `merges.txt`, a tiktoken rank file
// (`*.tiktoken`, or a `tokenizer.model` of ranks), a SentencePiece `tokenizer.model`. `.xz` and
// `.gz` files are decompressed. Throws Error naming the file and what is unsupported.
std::shared_ptr<const Tokenizer> LoadTokenizer(const std::filesystem::path& path);

}  // namespace prm
