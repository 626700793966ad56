// Blocks of plain text between lines of --- or ===.
#pragma once

#include <filesystem>
#include <string>

#include "data/io/text_io.h"

namespace prm {

// Uses memory for the longest block; lines may end in LF, CR LF or CR. Used by one thread at a
// time.
class TextBlocks {
 public:
  explicit TextBlocks(const std::filesystem::path& path) : lines_(path) {}

  // The next nonblank block, its lines joined by LF; returns false at the end. Throws Error like
  // LineReader.
  bool Next(std::string* block);
  // "solutions.txt:17": the first line of the block that Next returned last.
  std::string Where() const;

 private:
  bool NextLine(std::string_view* line);

  LineReader lines_;
  std::string_view rest_;  // of the last line of lines_, after a carriage return
  int64_t line_ = 0;
  int64_t first_line_ = 0;
};

}  // namespace prm
