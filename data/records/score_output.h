// Writes score lines to a file; shared by `prm score` and `prm ask`.
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
  // Like OutputFile, the target changes only with Finish. Throws Error naming it.
  explicit ScoreOutput(const std::string& path);

  void Write(const ScoreLine& line);
  // Throws Error(kInvalidArgument) if any line has an error: the file is complete, but not all
  // traces were scored.
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
