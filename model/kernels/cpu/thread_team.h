// Loops whose items the caller and its helper threads take as they become free. A pass over a few
// tokens is hundreds of loops of some ten microseconds: the caller never waits for a helper to
// wake, as at the start of an OpenMP region, only for one that still works on an item. Helpers look
// for work for a moment after each loop, then sleep.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace prm::ops {

// The calling thread runs on this core from now on. A hint: nothing is said where it may not.
void PinThisThread(int core);

// The helpers of one thread, which is the only one that calls; destroyed with it.
class ThreadTeam {
 public:
  using Body = void (*)(void* context, int64_t item);

  ThreadTeam();
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  // The calling thread's team.
  static ThreadTeam& OfThisThread();

  // body(context, i) for each i of [0, items), in order of start, on at most `threads` threads with
  // the caller; all are done on return. `body` neither throws nor calls ForEach.
  void ForEach(int64_t items, int threads, Body body, void* context);

  // Thread i runs on cores[i]; the caller is thread 0. A hint.
  void Pin(std::span<const int> cores);

 private:
  struct State;
  void Grow(int helpers);

  std::unique_ptr<State> state_;
};

}  // namespace prm::ops
