// Resources that clients share: places for streams, sessions and waiting calls; buffered bytes.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace prm {

// No client may hold more than it leaves free (one place more if the total is odd). A single client
// gets at most half, the next one at most half of the rest. Thread-safe.
// Source: Choudhury and Hahne 1998, "Dynamic Queue Length Thresholds for Shared-Memory Packet
// Switches", with alpha = 1.
class Shares {
 public:
  explicit Shares(int64_t places) : places_(places) {}
  Shares(const Shares&) = delete;
  Shares& operator=(const Shares&) = delete;

  // The rule: whether a client that holds `held` may take `more` of `free`.
  static bool Allows(int64_t held, int64_t more, int64_t free) {
    return held + more <= free - more + 1;
  }

  // Returns false, and takes nothing, if the rule forbids it.
  bool TryTake(uint64_t client, int64_t count = 1);
  void Return(uint64_t client, int64_t count = 1);

  int64_t taken() const;
  // The message of a refusal to `client`; `what` names the places.
  std::string Refusal(uint64_t client, std::string_view what) const;

 private:
  const int64_t places_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  int64_t taken_ = 0;
  std::unordered_map<uint64_t, int64_t> clients_;  // those that hold something
};

// The places that one object of a client holds; the destructor returns them. One thread at a time.
class Held {
 public:
  Held() = default;
  Held(Shares* shares, uint64_t client) : shares_(shares), client_(client) {}
  Held(Held&& other) noexcept { *this = std::move(other); }
  Held& operator=(Held&& other) noexcept;
  ~Held() { Set(0); }

  // Takes or returns places until `count` are held. Returns false, and changes nothing, if the
  // client may not take the missing ones; returning places always succeeds.
  bool Set(int64_t count);
  int64_t count() const { return count_; }

 private:
  Shares* shares_ = nullptr;
  uint64_t client_ = 0;
  int64_t count_ = 0;
};

}  // namespace prm
