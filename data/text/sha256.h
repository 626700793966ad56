// SHA-256, for files and as a collision-free hash.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace prm {

// 128 bits of a SHA-256 digest.
struct Digest128 {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const Digest128&, const Digest128&) = default;
};

// Used by one thread at a time.
class Sha256 {
 public:
  // Throws Error(kInternal) if OpenSSL lacks SHA-256.
  Sha256();
  ~Sha256();

  void Add(std::string_view bytes);
  // Returns the digest of the bytes added so far and starts a new one.
  Digest128 Take128();
  // 64 lower-case hexadecimal digits.
  std::string TakeHex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace prm
