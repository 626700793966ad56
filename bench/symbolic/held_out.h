// The fixed split of the steps on which the symbolic checker is tuned and evaluated.
#pragma once

#include <cstdint>
#include <string_view>

#include "data/text/hash.h"

namespace prm::bench {

// Every published figure of the checker depends on it: a change requires new figures.
inline constexpr uint64_t kSymbolicSplitSeed = 20261121;

// Whether the traces of `problem` are in the held-out half, which no rule was tuned on. Decided by
// FNV-1a over the seed and the problem's first 90 letters and digits in lower case, so that
// perturbed copies of a problem stay on one side.
constexpr bool IsHeldOut(std::string_view problem) {
  constexpr int kMaxCharacters = 90;
  Fnv1a hash;
  for (int byte = 0; byte < 8; ++byte) hash.Mix((kSymbolicSplitSeed >> (8 * byte)) & 0xff);
  int taken = 0;
  for (char c : problem) {
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) continue;
    hash.Mix(static_cast<unsigned char>(c));
    if (++taken == kMaxCharacters) break;
  }
  return ((hash.value() ^ (hash.value() >> 32)) & 1) != 0;
}

}  // namespace prm::bench
