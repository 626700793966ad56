// Files and folders that must not outlive the work they belong to.
#pragma once

#include <filesystem>
#include <functional>

namespace prm {

// A file or folder written beside its target. The destructor, or RemoveTemporariesOnSignals,
// removes whatever is left under its name.
class Temporary {
 public:
  // `make` creates `path`; signals are blocked until it is registered. If `make` throws, the
  // exception propagates and nothing is registered.
  Temporary(std::filesystem::path path, const std::function<void()>& make);
  ~Temporary();
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  // Runs `replace`, which moves it to its target, with removal by signals blocked: a half-removed
  // folder must not become the target.
  void Commit(const std::function<void()>& replace);
  const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
};

// From now on SIGTERM, SIGINT and SIGHUP first remove every Temporary of the process, then end it
// as they would have; an ignored SIGHUP (nohup) stays ignored. Call once in main, before other
// threads run. A live StopSignal takes precedence.
void RemoveTemporariesOnSignals();

}  // namespace prm
