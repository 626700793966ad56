// Files and folders that may not outlive the work they are part of.
#pragma once

#include <filesystem>
#include <functional>

namespace prm {

// A file or folder that is being written beside its target. Whatever is left under its name is
// removed by the destructor, and by RemoveTemporariesOnSignals.
class Temporary {
 public:
  // `make` makes `path`; no signal comes between that and the note of it. What it throws comes out,
  // and nothing is noted.
  Temporary(std::filesystem::path path, const std::function<void()>& make);
  ~Temporary();
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  // Runs what puts it in the place of its target, while no signal removes it: what is half removed
  // must not become the target.
  void Commit(const std::function<void()>& replace);
  const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
};

// From now on SIGTERM, SIGINT and SIGHUP remove every Temporary of the process before they end it
// as they would have; a SIGHUP that is ignored (nohup) stays so. For a program's main: once, before
// other threads run. StopSignal comes before it while one lives.
void RemoveTemporariesOnSignals();

}  // namespace prm
