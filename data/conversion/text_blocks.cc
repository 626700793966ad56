#include "data/conversion/text_blocks.h"

#include <algorithm>

#include "data/error.h"
#include "data/text/ascii.h"
#include "data/trace.h"

namespace prm {
namespace {

bool IsSeparator(std::string_view line) {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) {
    line.remove_suffix(1);
  }
  return line.size() >= 3 && (line[0] == '-' || line[0] == '=') &&
         line.find_first_not_of(line[0]) == std::string_view::npos;
}

}  // namespace

// Lines end in LF, CR LF or CR.
bool TextBlocks::NextLine(std::string_view* line) {
  if (rest_.empty() && !lines_.Next(&rest_)) return false;
  ++line_;
  const size_t end = std::min(rest_.find('\r'), rest_.size());
  *line = rest_.substr(0, end);
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  return true;
}

bool TextBlocks::Next(std::string* block) {
  block->clear();
  std::string_view line;
  while (NextLine(&line)) {
    if (IsSeparator(line)) {
      if (!block->empty()) return true;
      continue;
    }
    if (block->empty()) {
      if (IsBlank(line)) continue;
      first_line_ = line_;
    }
    *block += line;
    *block += '\n';
    if (block->size() > kMaxLineBytes) {
      throw Error(ErrorCode::kResourceExhausted,
                  StrCat(Where(), ": a block of more than ", kMaxLineBytes, " bytes"));
    }
  }
  return !block->empty();
}

std::string TextBlocks::Where() const { return StrCat(lines_.name(), ":", first_line_); }

}  // namespace prm
