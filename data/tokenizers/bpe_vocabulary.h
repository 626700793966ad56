// Vocabularies of pieces as spelled in files.
#pragma once

#include <string>
#include <vector>

#include "data/tokenizers/bpe_spec.h"

namespace prm {

// Fills spec->tokens and spec->merges from their printable byte-level spelling, as in vocab.json,
// merges.txt and GGUF: `pieces` by id ("" = none), `merges` as "left right". Requires
// spec->special_tokens and spec->where: a piece that is a special token is taken literally. Throws
// Error(kDataLoss) naming the invalid id or merge (from 0).
void SetByteLevelVocabulary(const std::vector<std::string>& pieces,
                            const std::vector<std::string>& merges, BpeSpec* spec);
// Like SetByteLevelVocabulary for a character vocabulary: pieces are taken unchanged.
void SetCharacterVocabulary(const std::vector<std::string>& pieces,
                            const std::vector<std::string>& merges, BpeSpec* spec);

}  // namespace prm
