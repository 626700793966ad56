// Waits for, or polls for, SIGTERM, SIGINT and SIGHUP.
#pragma once

namespace prm {

// Catches the first SIGTERM, SIGINT or SIGHUP after construction. A later SIGTERM or SIGINT has its
// previous effect, so an impatient user can end a drain. A later SIGHUP is ignored, since a closing
// terminal and its shell send one each; if SIGHUP was ignored (nohup), it stays so. One instance at
// a time per process; destruction restores the previous handlers.
class StopSignal {
 public:
  // Throws Error(kInternal) with the system's reason.
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool Received() const;
  // Blocks until a signal came.
  void Wait() const;
  // Acts as if a signal came; from any thread. A later signal still counts as the first.
  void Stop() const;

 private:
  int read_end_ = -1;
};

}  // namespace prm
