#include "data/io/temporary.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

#include "data/error.h"

namespace prm {
namespace {

// Never destroyed: a signal may come while the program ends.
struct Registry {
  std::mutex mutex;
  // Guarded by mutex.
  std::multiset<std::filesystem::path> paths;
};

Registry& TheRegistry() {
  static auto* const registry = new Registry;
  return *registry;
}

// The rest of the process is still running and may create files in a folder during its removal.
void Remove(const std::filesystem::path& path) {
  constexpr int kAttempts = 1000;
  std::error_code error;
  for (int i = 0; i < kAttempts; ++i) {
    std::filesystem::remove_all(path, error);
    if (!error) return;
  }
}

// Written before the handler is installed, read by it.
int write_end = -1;
pid_t owner = 0;

void OnSignal(int number) {
  const int saved = errno;
  if (getpid() == owner) {
    const auto byte = static_cast<unsigned char>(number);
    [[maybe_unused]] const ssize_t written = write(write_end, &byte, 1);
  } else {  // a forked child, which has no temporaries of its own
    signal(number, SIG_DFL);
    raise(number);
  }
  errno = saved;
}

// Does the work that a signal handler may not do. The lock is kept: no other thread can create or
// rename anything, or go on to report a missing file.
[[noreturn]] void EndBySignals(int read_end) {
  unsigned char number = 0;
  while (read(read_end, &number, 1) != 1) {
  }
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  for (const std::filesystem::path& path : registry.paths) Remove(path);
  signal(number, SIG_DFL);
  kill(getpid(), number);
  for (;;) pause();
}

}  // namespace

Temporary::Temporary(std::filesystem::path path, const std::function<void()>& make)
    : path_(std::move(path)) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  make();
  registry.paths.insert(path_);
}

Temporary::~Temporary() {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  std::error_code ignored;  // if removal fails now, the next writer removes it
  std::filesystem::remove_all(path_, ignored);
  registry.paths.extract(path_);
}

void Temporary::Commit(const std::function<void()>& replace) {
  const std::lock_guard lock(TheRegistry().mutex);
  replace();
}

void RemoveTemporariesOnSignals() {
  TheRegistry();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0 || fcntl(ends[0], F_SETFL, 0) != 0) {
    throw Error(ErrorCode::kInternal, StrCat("signals: pipe: ", std::strerror(errno)));
  }
  write_end = ends[1];
  owner = getpid();
  try {
    std::thread(EndBySignals, ends[0]).detach();
  } catch (const std::system_error& error) {
    throw Error(ErrorCode::kResourceExhausted, StrCat("signals: thread: ", error.what()));
  }
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    struct sigaction former = {};
    sigaction(number, nullptr, &former);
    if (number == SIGHUP && former.sa_handler == SIG_IGN) continue;
    sigaction(number, &action, nullptr);
  }
}

}  // namespace prm
