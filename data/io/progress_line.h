// One line of progress on standard error.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>

namespace prm {

// On a terminal, the line is redrawn at most five times a second; elsewhere, only its last state is
// written. Used by one thread at a time.
class ProgressLine {
 public:
  // `line` makes the text; it is called only if the text is shown.
  template <class MakeLine>
  void Update(const MakeLine& line) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now - drawn_ < std::chrono::milliseconds(200)) return;
    drawn_ = now;
    std::fprintf(stderr, "\r%s\x1b[K", std::string(line()).c_str());
  }
  void Finish(const std::string& line) {
    std::fprintf(stderr, terminal_ ? "\r%s\x1b[K\n" : "%s\n", line.c_str());
  }

 private:
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  std::chrono::steady_clock::time_point drawn_{};
};

}  // namespace prm
