// SIGTERM and SIGINT as something to wait for.
#pragma once

namespace prm {

// From construction the first SIGTERM or SIGINT is caught; the second has its usual effect, so an
// impatient user can end a drain. One at a time in a process; destruction restores
// the usual effect.
class StopSignal {
 public:
  // Throws Error(kInternal) with the system's reason.
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Blocks until the signal came; returns its number.
  int Wait();

 private:
  int read_end_ = -1;
};

}  // namespace prm
