// Blocks of plain text between lines of --- or ===.
#pragma once

#include <filesystem>
#include <string>

#include "data/io/text_io.h"

namespace prm {

// Reads in memory of the longest block; lines may end in LF, CR LF or CR. Used by one thread at a
// time.
class TextBlocks {
 public:
  explicit TextBlocks(const std::filesystem::path& path) : lines_(path) {}

  // The next block that is not blank, its lines joined by LF; false at the end. Throws Error as
  // LineReader does.
  bool Next(std::string* block);
  // "solutions.txt:17": the first line of the block that Next gave last.
  std::string Where() const;

 private:
  bool NextLine(std::string_view* line);

  LineReader lines_;
  std::string_view rest_;  // of the last line of lines_, behind a carriage return
  int64_t line_ = 0;
  int64_t first_line_ = 0;
};

}  // namespace prm
