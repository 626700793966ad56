// Score lines on their way to a file: what `prm score` and `prm ask` share.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "data/io/progress_line.h"
#include "data/io/text_io.h"
#include "data/records/score_lines.h"

namespace prm {

// Progress goes to standard error. Used by one thread at a time.
class ScoreOutput {
 public:
  // As OutputFile: the target changes with Finish only. Throws Error naming it.
  explicit ScoreOutput(const std::string& path);

  void Write(const ScoreLine& line);
  // Throws Error(kInvalidArgument) if lines carry an error: the file is whole, but not all was
  // scored.
  void Finish();

 private:
  using Clock = std::chrono::steady_clock;

  std::string Rate() const;

  std::string path_;
  OutputFile file_;
  int64_t traces_ = 0, refused_ = 0, tokens_ = 0;
  const Clock::time_point start_ = Clock::now();
  ProgressLine progress_;
};

}  // namespace prm
