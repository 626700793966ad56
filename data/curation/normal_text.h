// One form for texts that say the same: what exact hashes, word grams and templates are taken of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

// The words and symbols of `text`, one space between two: compatibility characters composed (NFKC)
// and case folded; sentence punctuation, quotes, math delimiters, spacing and sizing commands gone;
// primes of symbols kept (f'); spellings of one operator or command made equal (\dfrac and \frac,
// \times and ×, \leq and ≤); digits joined over thousands separators (1,200 and 1{,}200 are 1200).
// A word is a run of letters or of digits with decimal point; all else is a word of one character.
// Invalid UTF-8 is kept byte by byte. Linear; applying it twice changes nothing. Any thread.
// Source: Unicode Standard Annex #15 (NFKC), Annex #21 (case folding).
std::string NormalText(std::string_view text);

// Views into `normal`, which NormalText made.
std::vector<std::string_view> NormalWords(std::string_view normal);

// Whether a word of NormalText is a number.
bool IsNumberWord(std::string_view word);

// `normal` with every number replaced by "#": equal for problems that differ in numbers alone.
std::string MaskNumbers(std::string_view normal);

// Equal on every machine for equal bytes and seed. Not for secrets: collisions can be made.
uint64_t HashText(std::string_view text, uint64_t seed = 0);

// Two HashText of different seeds.
struct TextKey {
  uint64_t a = 0;
  uint64_t b = 0;
  friend auto operator<=>(const TextKey&, const TextKey&) = default;
};
TextKey KeyOf(std::string_view text);
struct TextKeyHash {
  size_t operator()(const TextKey& key) const { return size_t(key.a); }
};

// A value as good as random, from any value. Source: SplitMix64, Steele et al. 2014, "Fast
// splittable pseudorandom number generators", section 5.
constexpr uint64_t Scramble(uint64_t value) {
  value += 0x9E3779B97F4A7C15u;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

}  // namespace prm
