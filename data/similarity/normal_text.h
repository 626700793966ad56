// A canonical form for texts with the same meaning: the input of exact hashes, word grams and
// templates.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace prm {

// The words and symbols of `text`, separated by one space: compatibility characters composed (NFKC)
// and case folded; sentence punctuation, quotes, math delimiters, spacing and sizing commands
// removed; primes of symbols kept (f'); spellings of one operator or command unified (\dfrac and
// \frac, \times and ×, \leq and ≤); digits joined over thousands separators (1,200 and 1{,}200 are
// 1200). A word is a run of letters, or of digits with decimal point; anything else is a word of
// one character. Invalid UTF-8 is kept byte by byte. Linear; idempotent. Safe from any thread.
// Source: Unicode Standard Annex #15 (NFKC), Annex #21 (case folding).
std::string NormalText(std::string_view text);

// Views into `normal`, the output of NormalText.
std::vector<std::string_view> NormalWords(std::string_view normal);

// Whether a word of NormalText is a number.
bool IsNumberWord(std::string_view word);

// `normal` with every number replaced by "#": equal for problems that differ only in numbers.
std::string MaskNumbers(std::string_view normal);

}  // namespace prm
