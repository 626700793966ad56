#include "data/formats/text_blocks.h"

#include "data/error.h"
#include "data/trace.h"

namespace prm {
namespace {

bool IsSeparator(std::string_view line) {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) {
    line.remove_suffix(1);
  }
  return line.size() >= 3 && (line[0] == '-' || line[0] == '=') &&
         line.find_first_not_of(line[0]) == std::string_view::npos;
}

}  // namespace

bool TextBlocks::Next(std::string* block) {
  block->clear();
  std::string_view line;
  while (lines_.Next(&line)) {
    if (IsSeparator(line)) {
      if (!block->empty()) return true;
      continue;
    }
    if (block->empty()) {
      if (IsBlank(line)) continue;
      first_line_ = lines_.line_number();
    }
    *block += line;
    *block += '\n';
    if (block->size() > LineReader::kMaxLineBytes) {
      throw Error(ErrorCode::kResourceExhausted,
                  StrCat(Where(), ": a block of more than ", LineReader::kMaxLineBytes, " bytes"));
    }
  }
  return !block->empty();
}

std::string TextBlocks::Where() const { return StrCat(lines_.name(), ":", first_line_); }

}  // namespace prm
