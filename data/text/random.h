// Pseudorandom draws that are the same on every machine.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "data/text/hash.h"

namespace prm {

// Random words as a function of a counter and a key: stateless, in any order. Source: Salmon et al.
// 2011, "Parallel random numbers: as easy as 1, 2, 3", Philox4x32-10.
std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// A pseudorandom stream with eight bytes of state. Source: Steele, Lea and Flood 2014, "Fast
// Splittable Pseudorandom Number Generators" (SplitMix64).
class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  uint64_t Next() { return Scramble(std::exchange(state_, state_ + kScrambleStep)); }
  // Uniform in [0, 1).
  double Uniform() { return double(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

// The standard fixes the output of std::mt19937_64 but not of its distributions, so the mapping to
// ranges is implemented here.
class SynthRandom {
 public:
  explicit SynthRandom(uint64_t seed) : engine_(seed) {}

  // Uniform in [0, bound), bound > 0: draws beyond the last whole multiple are repeated.
  uint64_t Below(uint64_t bound) {
    const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t draw = engine_();
    while (draw >= limit) draw = engine_();
    return draw % bound;
  }

  // Uniform in [low, high].
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Below(static_cast<uint64_t>(high - low) + 1));
  }

  // True with probability percent / 100.
  bool Chance(int percent) { return Below(100) < static_cast<uint64_t>(percent); }

  template <class T>
  const T& Pick(const std::vector<T>& items) {
    return items[Below(items.size())];
  }

  template <class T>
  void Shuffle(std::vector<T>* items) {
    for (size_t i = items->size(); i > 1; --i) std::swap((*items)[i - 1], (*items)[Below(i)]);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace prm
