// Hashes and random values that are equal on every machine.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace prm {

// Equal on every machine for equal bytes and seed. Not for secrets: collisions can be constructed.
uint64_t HashText(std::string_view text, uint64_t seed = 0);

// Two HashText values with different seeds.
struct TextKey {
  uint64_t a = 0;
  uint64_t b = 0;
  friend auto operator<=>(const TextKey&, const TextKey&) = default;
};
TextKey KeyOf(std::string_view text);
struct TextKeyHash {
  size_t operator()(const TextKey& key) const { return size_t(key.a); }
};

// Mixes any value into a pseudorandom one. Source: SplitMix64, Steele et al. 2014, "Fast splittable
// pseudorandom number generators", section 5.
inline constexpr uint64_t kScrambleStep = 0x9E3779B97F4A7C15u;
constexpr uint64_t Scramble(uint64_t value) {
  value += kScrambleStep;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

// 64-bit FNV-1a, for keys that need no quality and for checksums; Mix takes a number as if it were
// one byte. Source: Fowler, Noll and Vo; draft-eastlake-fnv, section 3.
class Fnv1a {
 public:
  // Each seed gives a different hash; 0 is the standard's.
  constexpr explicit Fnv1a(uint64_t seed = 0) : value_(0xCBF29CE484222325u ^ seed) {}
  constexpr void Mix(uint64_t value) { value_ = (value_ ^ value) * 0x100000001B3u; }
  constexpr void Add(std::string_view bytes) {
    for (const char c : bytes) Mix(static_cast<unsigned char>(c));
  }
  constexpr uint64_t value() const { return value_; }

 private:
  uint64_t value_;
};

}  // namespace prm
