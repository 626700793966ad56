#include "serve/batching/shares.h"

#include "data/error.h"

namespace prm {

bool Shares::TryTake(uint64_t client, int64_t count) {
  std::lock_guard lock(mutex_);
  const auto held = clients_.find(client);
  if (!Allows(held == clients_.end() ? 0 : held->second, count, places_ - taken_)) return false;
  clients_[client] += count;
  taken_ += count;
  return true;
}

void Shares::Return(uint64_t client, int64_t count) {
  std::lock_guard lock(mutex_);
  taken_ -= count;
  const auto held = clients_.find(client);
  held->second -= count;
  if (held->second == 0) clients_.erase(held);
}

int64_t Shares::taken() const {
  std::lock_guard lock(mutex_);
  return taken_;
}

std::string Shares::Refusal(uint64_t client, std::string_view what) const {
  std::lock_guard lock(mutex_);
  const auto held = clients_.find(client);
  return StrCat("the server has ", taken_, " ", what, " of at most ", places_, ", ",
                held == clients_.end() ? 0 : held->second,
                " of them this client's; a client may hold no more than it leaves free");
}

Held& Held::operator=(Held&& other) noexcept {
  if (this == &other) return *this;
  Set(0);
  shares_ = other.shares_;
  client_ = other.client_;
  count_ = std::exchange(other.count_, 0);
  return *this;
}

bool Held::Set(int64_t count) {
  if (count > count_ && !shares_->TryTake(client_, count - count_)) return false;
  if (count < count_) shares_->Return(client_, count_ - count);
  count_ = count;
  return true;
}

}  // namespace prm
