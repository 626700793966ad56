#include "data/formats/id_set.h"

#include <algorithm>

namespace prm {
namespace {

constexpr Digest128 kFree;

// Where the search for `digest` starts: its low half, scaled to the table.
size_t FirstSlot(const Digest128& digest, size_t num_slots) {
  return size_t((static_cast<unsigned __int128>(digest.low) * num_slots) >> 64);
}

}  // namespace

// Where `digest` is or would go; there is a free slot.
Digest128* IdSet::Find(Table* table, const Digest128& digest) {
  std::vector<Digest128>& slots = table->slots;
  size_t i = FirstSlot(digest, slots.size());
  while (!(slots[i] == digest) && !(slots[i] == kFree)) i = i + 1 == slots.size() ? 0 : i + 1;
  return &slots[i];
}

void IdSet::Grow(Table* table) {
  Table larger;
  larger.slots.resize(std::max<size_t>(16, table->slots.size() + table->slots.size() / 4));
  larger.used = table->used;
  for (const Digest128& digest : table->slots) {
    if (!(digest == kFree)) *Find(&larger, digest) = digest;
  }
  *table = std::move(larger);
}

Digest128 IdSet::DigestOf(std::string_view id) {
  hash_.Add(id);
  Digest128 digest = hash_.Take128();
  if (digest == kFree) digest.low = 1;
  return digest;
}

bool IdSet::Contains(std::string_view id) {
  const Digest128 digest = DigestOf(id);
  Table& table = tables_[digest.high >> 56];
  return !table.slots.empty() && *Find(&table, digest) == digest;
}

bool IdSet::Insert(std::string_view id) {
  const Digest128 digest = DigestOf(id);
  Table& table = tables_[digest.high >> 56];
  if (10 * (table.used + 1) > 9 * table.slots.size()) Grow(&table);
  Digest128* slot = Find(&table, digest);
  if (*slot == digest) return false;
  *slot = digest;
  ++table.used;
  ++size_;
  return true;
}

size_t IdSet::memory_bytes() const {
  size_t bytes = sizeof *this;
  for (const Table& table : tables_) bytes += table.slots.capacity() * sizeof(Digest128);
  return bytes;
}

}  // namespace prm
