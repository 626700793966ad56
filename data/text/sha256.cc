#include "data/text/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <cstring>

#include "data/error.h"
#include "data/text/ascii.h"

namespace prm {

using Bytes = std::array<unsigned char, 32>;

struct Sha256::State {
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> kind{EVP_MD_fetch(nullptr, "SHA256", nullptr),
                                                       EVP_MD_free};
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                  EVP_MD_CTX_free};

  static void Check(bool done) {
    if (!done) throw Error(ErrorCode::kInternal, "OpenSSL cannot compute SHA-256");
  }
  void Begin() { Check(kind && context && EVP_DigestInit_ex2(context.get(), kind.get(), nullptr)); }
  Bytes Take() {
    Bytes digest{};
    Check(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
    Begin();
    return digest;
  }
};

Sha256::Sha256() : state_(std::make_unique<State>()) { state_->Begin(); }
Sha256::~Sha256() = default;

void Sha256::Add(std::string_view bytes) {
  State::Check(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

Digest128 Sha256::Take128() {
  const Bytes digest = state_->Take();
  Digest128 half;
  std::memcpy(&half.high, digest.data(), sizeof half.high);
  std::memcpy(&half.low, digest.data() + sizeof half.high, sizeof half.low);
  return half;
}

std::string Sha256::TakeHex() {
  const Bytes digest = state_->Take();
  return HexOf({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace prm
