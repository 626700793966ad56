// What a model folder's tokenizer files say about their use.
#pragma once

#include <filesystem>

namespace prm {

// Whether text begins with BOS: add_bos_token of tokenizer_config.json; else whether the template
// of tokenizer.json's post-processor begins with a special token; else true if there is only a
// SentencePiece tokenizer.model. Throws Error naming a file that is not valid.
bool FolderPrependsBos(const std::filesystem::path& folder);

}  // namespace prm
