#include "serve/stop_signal.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "data/error.h"

namespace prm {
namespace {

// Written by the constructor before the handler is installed, read by the handler.
int write_end = -1;

void OnSignal(int number) {
  const int saved = errno;
  const unsigned char byte = static_cast<unsigned char>(number);
  [[maybe_unused]] const ssize_t written = write(write_end, &byte, 1);
  errno = saved;
}

[[noreturn]] void ThrowErrno(const char* doing) {
  throw Error(ErrorCode::kInternal, StrCat("stop signal: ", doing, ": ", std::strerror(errno)));
}

}  // namespace

StopSignal::StopSignal() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) ThrowErrno("pipe2");
  read_end_ = ends[0];
  write_end = ends[1];
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART | int(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  for (int number : {SIGTERM, SIGINT}) {
    if (sigaction(number, &action, nullptr) != 0) ThrowErrno("sigaction");
  }
}

StopSignal::~StopSignal() {
  for (int number : {SIGTERM, SIGINT}) signal(number, SIG_DFL);
  close(read_end_);
  close(write_end);
}

int StopSignal::Wait() {
  unsigned char byte = 0;
  for (;;) {
    const ssize_t got = read(read_end_, &byte, 1);
    if (got == 1) return byte;
    if (got < 0 && errno != EINTR) ThrowErrno("read");
  }
}

}  // namespace prm
