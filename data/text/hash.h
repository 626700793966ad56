// Hashes and random values that are equal on every machine.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace prm {

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
