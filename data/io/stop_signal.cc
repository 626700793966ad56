#include "data/io/stop_signal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "data/error.h"

namespace prm {
namespace {

constexpr std::array kSignals = {SIGTERM, SIGINT, SIGHUP};

// Written by the constructor before the handler is installed, read by the handler.
int write_end = -1;
std::array<struct sigaction, kSignals.size()> former;
volatile sig_atomic_t received = 0;

void WriteByte() { [[maybe_unused]] const ssize_t written = write(write_end, "", 1); }

void OnSignal(int number) {
  const int saved = errno;
  if (!received) {
    received = 1;
    WriteByte();
  } else if (number != SIGHUP) {
    // Delivered again to the previous handler, once this handler has returned.
    for (size_t i = 0; i < kSignals.size(); ++i) {
      if (kSignals[i] == number) sigaction(number, &former[i], nullptr);
    }
    raise(number);
  }
  errno = saved;
}

[[noreturn]] void ThrowErrno(const char* doing) {
  throw Error(ErrorCode::kInternal, StrCat("stop signal: ", doing, ": ", std::strerror(errno)));
}

// The byte stays in the pipe, so every later call also sees the signal.
bool HasByte(int fd, int timeout_ms) {
  pollfd waiting = {fd, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&waiting, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) ThrowErrno("poll");
  return ready > 0;
}

}  // namespace

StopSignal::StopSignal() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) ThrowErrno("pipe2");
  read_end_ = ends[0];
  write_end = ends[1];
  received = 0;
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int number : kSignals) sigaddset(&action.sa_mask, number);
  for (size_t i = 0; i < kSignals.size(); ++i) {
    if (sigaction(kSignals[i], nullptr, &former[i]) != 0) ThrowErrno("sigaction");
    if (kSignals[i] == SIGHUP && former[i].sa_handler == SIG_IGN) continue;
    if (sigaction(kSignals[i], &action, nullptr) != 0) ThrowErrno("sigaction");
  }
}

StopSignal::~StopSignal() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &former[i], nullptr);
  close(read_end_);
  close(write_end);
}

bool StopSignal::Received() const { return HasByte(read_end_, 0); }

void StopSignal::Wait() const { HasByte(read_end_, -1); }

void StopSignal::Stop() const { WriteByte(); }

}  // namespace prm
