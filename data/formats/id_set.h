// Which ids came before, in a few bytes an id.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "data/formats/digest.h"

namespace prm {

// Remembers 128 bits of each text's SHA-256: 16 bytes an id in tables that are 72 to 90 % full. Two
// of 10^9 different ids are taken for equal with a chance of 10^-21. Used by one thread at a time.
class IdSet {
 public:
  // False if `id` came before.
  bool Insert(std::string_view id);
  bool Contains(std::string_view id);
  size_t size() const { return size_; }
  size_t memory_bytes() const;

 private:
  // Many small tables instead of one, so that growing copies a small part at a time.
  struct Table {
    std::vector<Digest128> slots;
    size_t used = 0;
  };
  static void Grow(Table* table);
  static Digest128* Find(Table* table, const Digest128& digest);
  Digest128 DigestOf(std::string_view id);

  Sha256 hash_;
  std::array<Table, 256> tables_;
  size_t size_ = 0;
};

}  // namespace prm
