#include "data/text/hash.h"

#include <cstring>

namespace prm {
namespace {

uint64_t Load(const char* at, size_t size) {
  uint64_t value = 0;
  std::memcpy(&value, at, size);
  return value;
}

}  // namespace

uint64_t HashText(std::string_view text, uint64_t seed) {
  constexpr uint64_t kOdd = 0xFF51AFD7ED558CCDu;
  uint64_t hash = Scramble(seed ^ (text.size() * kOdd));
  while (text.size() >= 8) {
    hash = (hash ^ Load(text.data(), 8)) * kOdd;
    hash ^= hash >> 32;
    text.remove_prefix(8);
  }
  hash = (hash ^ Load(text.data(), text.size())) * kOdd;
  return Scramble(hash);
}

TextKey KeyOf(std::string_view text) { return {HashText(text, 1), HashText(text, 2)}; }

}  // namespace prm
