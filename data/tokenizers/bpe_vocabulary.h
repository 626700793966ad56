// Vocabularies of pieces as files spell them.
#pragma once

#include <string>
#include <vector>

#include "data/tokenizers/bpe_spec.h"

namespace prm {

// Fills spec->tokens and spec->merges from their printable byte-level spelling, as in vocab.json,
// merges.txt and GGUF: `pieces` by id ("" = none), `merges` as "left right". Set
// spec->special_tokens and spec->where before: a piece that is a special token is taken literally.
// Throws Error(kDataLoss) naming the id or the merge (from 0) that cannot be.
void SetByteLevelVocabulary(const std::vector<std::string>& pieces,
                            const std::vector<std::string>& merges, BpeSpec* spec);
// The same for a vocabulary of characters: pieces are taken as they are.
void SetCharacterVocabulary(const std::vector<std::string>& pieces,
                            const std::vector<std::string>& merges, BpeSpec* spec);

}  // namespace prm
