// SIGTERM and SIGINT as something to wait for or to ask about.
#pragma once

#include <signal.h>

#include <array>

namespace prm {

// From construction the first SIGTERM and the first SIGINT are caught; a second one has its usual
// effect, so an impatient user can end a drain. One at a time in a process; destruction restores
// what was set before.
class StopSignal {
 public:
  // Throws Error(kInternal) with the system's reason.
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool Received() const;
  // Blocks until one came.
  void Wait() const;
  // As if one came, from any thread: a later signal still has a first one's effect.
  void Stop() const;

 private:
  int read_end_ = -1;
  std::array<struct sigaction, 2> former_;
};

}  // namespace prm
