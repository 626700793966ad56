// A fixed-size cache of the ids of short words.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "data/tokenizers/tokenizer.h"

namespace prm {

// A word of 1 to 16 bytes, zero-padded, in two machine words.
struct WordKey {
  static constexpr size_t kMaxBytes = 16;

  uint64_t low = 0, high = 0;
  uint32_t size_bytes = 0;

  // Requires 1 <= size <= kMaxBytes. `text` may continue after the word [begin, begin + size), so
  // that most words can be read by two plain loads.
  static WordKey Of(std::string_view text, size_t begin, size_t size) {
    WordKey key;
    key.size_bytes = static_cast<uint32_t>(size);
    if (begin + kMaxBytes <= text.size() && std::endian::native == std::endian::little) {
      std::memcpy(&key.low, text.data() + begin, 8);
      std::memcpy(&key.high, text.data() + begin + 8, 8);
      const uint64_t keep = ~uint64_t{0} >> (64 - 8 * (size & 7)) % 64;
      if (size < 8) {
        key.low &= keep;
        key.high = 0;
      } else if (size < 16) {
        key.high &= (size == 8) ? 0 : keep;
      }
    } else {
      char bytes[kMaxBytes] = {};
      std::memcpy(bytes, text.data() + begin, size);
      std::memcpy(&key.low, bytes, 8);
      std::memcpy(&key.high, bytes + 8, 8);
    }
    return key;
  }

  uint64_t Hash() const {
    uint64_t h = (low ^ std::rotl(high, 29)) + size_bytes;
    h *= 0x9E3779B97F4A7C15u;
    h ^= h >> 32;
    return (h ^ high) * 0xD6E8FEB86659FD93u;
  }
};

// Direct-mapped; a new word replaces the old one. Used by one thread at a time.
class WordCache {
 public:
  static constexpr size_t kMaxIds = 11;

  WordCache() : entries_(kEntries) {}

  // The ids of the word, empty if not cached; valid until the next Insert.
  std::span<const TokenId> Find(const WordKey& key) const {
    const Entry& entry = entries_[key.Hash() >> kShift];
    if (entry.low != key.low || entry.high != key.high || entry.size_bytes != key.size_bytes) {
      return {};
    }
    return {entry.ids.data(), entry.count};
  }

  // `ids` has 1 to kMaxIds elements.
  void Insert(const WordKey& key, std::span<const TokenId> ids) {
    Entry& entry = entries_[key.Hash() >> kShift];
    entry.low = key.low;
    entry.high = key.high;
    entry.size_bytes = static_cast<uint8_t>(key.size_bytes);
    entry.count = static_cast<uint8_t>(ids.size());
    std::copy(ids.begin(), ids.end(), entry.ids.begin());
  }

 private:
  static constexpr int kBits = 14;  // 1 MiB: fits a core's second-level cache
  static constexpr size_t kEntries = size_t{1} << kBits;
  static constexpr int kShift = 64 - kBits;

  struct alignas(64) Entry {
    uint64_t low = 0, high = 0;
    uint8_t size_bytes = 0;  // 0: empty
    uint8_t count = 0;
    std::array<TokenId, kMaxIds> ids;
  };
  static_assert(sizeof(Entry) == 64);

  std::vector<Entry> entries_;
};

// Lends each caller its own cache, so any thread may encode; there are as many caches as threads
// ever encoded at once. Safe from any thread.
class WordCachePool {
 public:
  // A borrowed cache that returns to the pool; must not outlive it.
  class Lease {
   public:
    explicit Lease(WordCachePool* pool) : pool_(pool), cache_(pool->Take()) {}
    ~Lease() { pool_->Return(std::move(cache_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    WordCache& operator*() const { return *cache_; }

   private:
    WordCachePool* pool_;
    std::unique_ptr<WordCache> cache_;
  };

 private:
  std::unique_ptr<WordCache> Take() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<WordCache> cache = std::move(idle_.back());
        idle_.pop_back();
        return cache;
      }
    }
    return std::make_unique<WordCache>();
  }
  void Return(std::unique_ptr<WordCache> cache) {
    const std::lock_guard<std::mutex> lock(mutex_);
    idle_.push_back(std::move(cache));
  }

  std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<std::unique_ptr<WordCache>> idle_;
};

}  // namespace prm
