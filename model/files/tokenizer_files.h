// How a model folder's tokenizer files want the tokenizer to be used.
#pragma once

#include <filesystem>

namespace prm {

// Whether text begins with BOS: add_bos_token of tokenizer_config.json; else whether the template
// of tokenizer.json's post-processor begins with a special token; else true if there is only a
// SentencePiece tokenizer.model. Throws Error naming an invalid file.
bool FolderPrependsBos(const std::filesystem::path& folder);

}  // namespace prm
