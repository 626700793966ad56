#include "data/stop_signal.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "data/error.h"

namespace prm {
namespace {

constexpr std::array kSignals = {SIGTERM, SIGINT};

// Written by the constructor before the handler is installed, read by the handler.
int write_end = -1;

void OnSignal(int) {
  const int saved = errno;
  [[maybe_unused]] const ssize_t written = write(write_end, "", 1);
  errno = saved;
}

[[noreturn]] void ThrowErrno(const char* doing) {
  throw Error(ErrorCode::kInternal, StrCat("stop signal: ", doing, ": ", std::strerror(errno)));
}

// The byte stays in the pipe: a signal that came has come for every later question.
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
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART | int(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < kSignals.size(); ++i) {
    if (sigaction(kSignals[i], &action, &former_[i]) != 0) ThrowErrno("sigaction");
  }
}

StopSignal::~StopSignal() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &former_[i], nullptr);
  close(read_end_);
  close(write_end);
}

bool StopSignal::Received() const { return HasByte(read_end_, 0); }

void StopSignal::Wait() const { HasByte(read_end_, -1); }

void StopSignal::Stop() const { OnSignal(0); }

}  // namespace prm
