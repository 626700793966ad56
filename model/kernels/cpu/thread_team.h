// Parallel loops whose items the caller and its helper threads take as they become free. A pass
// over a few tokens is hundreds of loops of some ten microseconds. So, unlike in an OpenMP region,
// the caller never waits for a helper to wake, only for one still working on an item. After each
// loop helpers spin briefly for new work, then sleep.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace prm::ops {

// Pins the calling thread to this core. A hint: failure is silent.
void PinThisThread(int core);

// The helper threads of one thread, which alone may call it. Destroyed with that thread.
class ThreadTeam {
 public:
  using Body = void (*)(void* context, int64_t item);

  ThreadTeam();
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  // The calling thread's team.
  static ThreadTeam& OfThisThread();

  // Calls body(context, i) for each i in [0, items), started in order, on at most `threads` threads
  // including the caller. Returns when all are done. `body` must neither throw nor call ForEach.
  void ForEach(int64_t items, int threads, Body body, void* context);

  // Pins thread i to cores[i]; the caller is thread 0. A hint.
  void Pin(std::span<const int> cores);

 private:
  struct State;
  void Grow(int helpers);

  std::unique_ptr<State> state_;
};

}  // namespace prm::ops
