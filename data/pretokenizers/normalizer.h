// What a tokenizer.json does to text before it is split: Unicode forms, prefixes, replacements.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/text/unicode.h"

namespace simdjson::dom {
class element;
}

namespace prm {

struct NormalizerStep {
  enum class Kind { kUnicode, kPrepend, kReplace };
  Kind kind = Kind::kUnicode;
  NormalForm form = NormalForm::kNfc;  // kUnicode
  std::string from;                    // kReplace: every occurrence of it
  std::string to;                      // kReplace; kPrepend: the prefix of a nonempty text
  friend bool operator==(const NormalizerStep&, const NormalizerStep&) = default;
};

// Applies the steps in order; nullopt if nothing changes. `text` is UTF-8. Safe from any thread.
std::optional<std::string> Normalize(std::span<const NormalizerStep> steps, std::string_view text);

// Replaces every occurrence of `from` (not empty) in `text`, left to right.
std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to);

// Parses "normalizer" of a tokenizer.json. Throws Error(kUnimplemented) naming unsupported parts.
std::vector<NormalizerStep> ParseNormalizer(const simdjson::dom::element& normalizer,
                                            std::string_view where);
// The JSON of `steps`; "null" if there are none.
std::string FormatNormalizer(std::span<const NormalizerStep> steps);

}  // namespace prm
