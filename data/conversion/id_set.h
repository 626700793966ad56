// Which ids came before, in a few bytes an id.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "data/text/sha256.h"

namespace prm {

// Remembers 104 bits of each text's SHA-256, 8 of them by the table that it is in: at most 16 bytes
// an id, in tables that are 77 to 90 % full. Two of 10^9 different ids are taken for equal with a
// chance of 3 * 10^-14. Used by one thread at a time.
class IdSet {
 public:
  // False if `id` came before.
  bool Insert(std::string_view id);
  bool Contains(std::string_view id);
  size_t size() const { return size_; }
  size_t memory_bytes() const;

 private:
  struct Slot {
    std::array<uint32_t, 3> digest = {};  // zeros where free
    friend bool operator==(const Slot&, const Slot&) = default;
  };
  // Many small tables instead of one, so that growing copies a small part at a time.
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
