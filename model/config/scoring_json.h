// A ScoringFormat as JSON: part of prm.json and of the format files of prm model import.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "data/tokenizers/tokenizer.h"
#include "model/config/scoring_format.h"

namespace prm {

class JsonFields;

// Resolves token names in a format file to ids.
struct TokenNames {
  const Tokenizer& tokenizer;
  // "{bos}" is BOS if the tokenizer has one; "{bos?}" only if the model also expects it.
  bool prepend_bos = false;
};

// Parses the fields `format`, `head`, `label_policy` and `threshold`. A part of a format is a text,
// {"alone": text}, or a list of ids. With `names` (a format file), tokens may be given by name and
// the last two fields omitted (all "unknown", 0.5). Throws Error(kInvalidArgument) naming `where`
// and the field, for example if a name is not exactly one token.
ScoringFormat ParseScoringFormat(const JsonFields& fields, const TokenNames* names = nullptr);

// Sets the same fields of `out`.
void WriteScoringFormat(const ScoringFormat& scoring, nlohmann::ordered_json* out);

}  // namespace prm
