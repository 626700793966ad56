// The parts of the Unicode Character Database that tokenizers need: coarse classes and normal
// forms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace prm {

// The regex classes \p{L}, \p{N} and \s; all else (marks, punctuation, symbols, unassigned) is
// kOther.
enum class CharClass : uint8_t { kOther = 0, kLetter = 1, kNumber = 2, kSpace = 3 };

// One class per code point, indexed 0..0x10FFFF; valid for the whole program. Any thread.
const CharClass* CharClassTable();

enum class NormalForm : uint8_t { kNfc, kNfd, kNfkc, kNfkd };

// `text` in a normalization form; nullopt if a quick check shows that it already is (no copy is
// made). `text` must be UTF-8. Safe from any thread. Source: Unicode Standard Annex #15.
std::optional<std::string> NormalizeUnicode(NormalForm form, std::string_view text);

}  // namespace prm
