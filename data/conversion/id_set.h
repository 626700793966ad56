// Set of ids seen before, in a few bytes per id.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "data/text/sha256.h"

namespace prm {

// Stores 104 bits of each id's SHA-256, 8 of them as the number of its table: at most 16 bytes per
// id, in tables 77 to 90 % full. Two of 10^9 different ids collide with probability 3 * 10^-14.
// Used by one thread at a time.
class IdSet {
 public:
  // Returns false if `id` was inserted before.
  bool Insert(std::string_view id);
  bool Contains(std::string_view id);
  size_t size() const { return size_; }
  size_t memory_bytes() const;

 private:
  struct Slot {
    std::array<uint32_t, 3> digest = {};  // zeros if free
    friend bool operator==(const Slot&, const Slot&) = default;
  };
  // Many small tables instead of one, so that growing copies only a small part at a time.
  struct Table {
    std::vector<Slot> slots;
    size_t used = 0;
  };
  struct Place {
    Table& table;
    Slot slot;
  };
  static void Grow(Table* table);
  static Slot* Find(Table* table, const Slot& slot);
  Place PlaceOf(std::string_view id);

  Sha256 hash_;
  std::array<Table, 256> tables_;
  size_t size_ = 0;
};

}  // namespace prm
