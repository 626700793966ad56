#include "data/conversion/id_set.h"

#include <algorithm>

namespace prm {

// The position where `slot` is or would be inserted; the table has a free one. The search starts at
// the slot's first words, scaled to the table.
IdSet::Slot* IdSet::Find(Table* table, const Slot& slot) {
  std::vector<Slot>& slots = table->slots;
  const uint64_t key = uint64_t{slot.digest[0]} << 32 | slot.digest[1];
  size_t i = size_t((static_cast<unsigned __int128>(key) * slots.size()) >> 64);
  while (!(slots[i] == slot) && !(slots[i] == Slot{})) i = i + 1 == slots.size() ? 0 : i + 1;
  return &slots[i];
}

void IdSet::Grow(Table* table) {
  Table larger;
  larger.slots.resize(std::max<size_t>(16, table->slots.size() + table->slots.size() / 6));
  larger.used = table->used;
  for (const Slot& slot : table->slots) {
    if (!(slot == Slot{})) *Find(&larger, slot) = slot;
  }
  *table = std::move(larger);
}

IdSet::Place IdSet::PlaceOf(std::string_view id) {
  hash_.Add(id);
  const Digest128 digest = hash_.Take128();
  Slot slot{{uint32_t(digest.low >> 32), uint32_t(digest.low), uint32_t(digest.high)}};
  if (slot == Slot{}) slot.digest[0] = 1;
  return {tables_[digest.high >> 56], slot};
}

bool IdSet::Contains(std::string_view id) {
  const Place place = PlaceOf(id);
  return !place.table.slots.empty() && *Find(&place.table, place.slot) == place.slot;
}

bool IdSet::Insert(std::string_view id) {
  const Place place = PlaceOf(id);
  Table& table = place.table;
  if (10 * (table.used + 1) > 9 * table.slots.size()) Grow(&table);
  Slot* slot = Find(&table, place.slot);
  if (*slot == place.slot) return false;
  *slot = place.slot;
  ++table.used;
  ++size_;
  return true;
}

size_t IdSet::memory_bytes() const {
  size_t bytes = sizeof *this;
  for (const Table& table : tables_) bytes += table.slots.capacity() * sizeof(Slot);
  return bytes;
}

}  // namespace prm
