// SIGTERM, SIGINT and SIGHUP as something to wait for or to ask about.
#pragma once

namespace prm {

// From construction the first SIGTERM, SIGINT or SIGHUP is caught; a SIGTERM or SIGINT after it has
// the effect it had before, so an impatient user can end a drain. A SIGHUP after it has none, for a
// terminal that goes away and its shell send one each; where it is ignored (nohup) it stays so. One
// at a time in a process; destruction restores what was set before.
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
};

}  // namespace prm
