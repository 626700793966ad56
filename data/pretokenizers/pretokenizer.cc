#include "data/pretokenizers/pretokenizer.h"

#include <algorithm>

#include "data/error.h"
#include "data/text/utf8.h"

namespace prm {
namespace {

// Text with the classes of its characters. Positions are in bytes.
struct Reader {
  std::string_view text;
  const CharClass* classes;

  bool AtEnd(size_t at) const { return at >= text.size(); }

  CharClass ClassAt(size_t at, size_t* size) const {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) {
      *size = 1;
      return classes[byte];
    }
    const Utf8Char c = DecodeUtf8(text.data() + at);
    *size = c.size_bytes;
    return classes[c.code_point];
  }

  bool Is(size_t at, CharClass wanted) const {
    size_t size;
    return !AtEnd(at) && ClassAt(at, &size) == wanted;
  }

  // The end of the run of at most `limit` characters of class `wanted` from `at`.
  size_t SkipRun(size_t at, CharClass wanted, size_t limit = SIZE_MAX) const {
    size_t size;
    while (limit-- > 0 && !AtEnd(at) && ClassAt(at, &size) == wanted) at += size;
    return at;
  }

  bool IsLineBreak(size_t at) const { return !AtEnd(at) && (text[at] == '\r' || text[at] == '\n'); }
};

// Length of 's 't 're 've 'm 'll 'd at `at`, which is an apostrophe; 0 if there is none.
template <bool kIgnoreCase>
size_t ContractionSize(std::string_view text, size_t at) {
  const auto letter = [&](size_t i) -> char {
    if (at + i >= text.size()) return 0;
    return kIgnoreCase ? static_cast<char>(text[at + i] | 0x20) : text[at + i];
  };
  switch (letter(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return letter(2) == 'e' ? 3 : 0;
    case 'l':
      return letter(2) == 'l' ? 3 : 0;
    default:
      // U+017F, the long s, folds to s.
      return kIgnoreCase && text.substr(at + 1, 2) == "\xC5\xBF" ? 3 : 0;
  }
}

// \s+(?!\S)|\s+ on the run [begin, end): the whole run at the end of the text; otherwise all except
// its last character, which goes to the next word, unless it is the only one.
size_t SpaceEnd(const Reader& reader, size_t begin, size_t end, bool at_text_end) {
  if (at_text_end) return end;
  size_t last = end - 1;
  while ((static_cast<unsigned char>(reader.text[last]) & 0xC0) == 0x80) --last;
  return last > begin ? last : end;
}

template <bool kSingleNumbers>
size_t Gpt2WordEnd(const Reader& reader, size_t begin) {
  if (reader.text[begin] == '\'') {
    if (const size_t size = ContractionSize<false>(reader.text, begin)) return begin + size;
  }
  size_t size;
  CharClass head = reader.ClassAt(begin, &size);
  size_t run = begin;
  if (reader.text[begin] == ' ' && !reader.AtEnd(begin + 1)) {
    const CharClass next = reader.ClassAt(begin + 1, &size);
    if (next != CharClass::kSpace && !(kSingleNumbers && next == CharClass::kNumber)) {
      head = next;
      run = begin + 1;
    }
  }
  if (head != CharClass::kSpace) {
    const bool single = kSingleNumbers && head == CharClass::kNumber;
    return single ? run + size : reader.SkipRun(run + size, head);
  }
  const size_t end = reader.SkipRun(begin, CharClass::kSpace);
  // A number cut out first ends the part, and with it what the look-ahead sees.
  const bool part_ends =
      reader.AtEnd(end) || (kSingleNumbers && reader.Is(end, CharClass::kNumber));
  return SpaceEnd(reader, begin, end, part_ends);
}

// The end of a run of kOther from `at` with the line breaks that follow it.
size_t SymbolsEnd(const Reader& reader, size_t at) {
  at = reader.SkipRun(at, CharClass::kOther);
  while (reader.IsLineBreak(at)) ++at;
  return at;
}

size_t Qwen2SpaceEnd(const Reader& reader, size_t begin) {
  const size_t end = reader.SkipRun(begin, CharClass::kSpace);
  // \s*[\r\n]+ backtracks to the last line break of the run.
  for (size_t i = end; i > begin; --i) {
    if (reader.IsLineBreak(i - 1)) return i;
  }
  return SpaceEnd(reader, begin, end, reader.AtEnd(end));
}

template <size_t kMaxDigits>
size_t Qwen2WordEnd(const Reader& reader, size_t begin) {
  if (reader.text[begin] == '\'') {
    if (const size_t size = ContractionSize<true>(reader.text, begin)) return begin + size;
  }
  size_t size;
  const CharClass head = reader.ClassAt(begin, &size);
  const size_t second = begin + size;
  if (head == CharClass::kLetter) return reader.SkipRun(second, CharClass::kLetter);
  if (head == CharClass::kNumber) {
    return reader.SkipRun(second, CharClass::kNumber, kMaxDigits - 1);
  }
  if (!reader.IsLineBreak(begin) && reader.Is(second, CharClass::kLetter)) {
    return reader.SkipRun(second, CharClass::kLetter);
  }
  if (head == CharClass::kOther) return SymbolsEnd(reader, second);
  if (reader.text[begin] == ' ' && reader.Is(second, CharClass::kOther)) {
    return SymbolsEnd(reader, second);
  }
  return Qwen2SpaceEnd(reader, begin);
}

}  // namespace

std::string_view PreTokenizerName(PreTokenizer kind) {
  switch (kind) {
    case PreTokenizer::kGpt2:
      return "gpt2";
    case PreTokenizer::kSmolLm2:
      return "smollm2";
    case PreTokenizer::kQwen2:
      return "qwen2";
    case PreTokenizer::kLlama3:
      return "llama3";
    case PreTokenizer::kWhole:
      return "whole";
    case PreTokenizer::kSpaceMarks:
      return "space marks";
    case PreTokenizer::kStages:
      return "stages";
  }
  throw Error(ErrorCode::kInternal, StrCat("pre-tokenizer ", static_cast<int>(kind)));
}

size_t WordScanner::WordEnd(std::string_view text, size_t begin) const {
  const Reader reader{text, classes_};
  switch (kind_) {
    case PreTokenizer::kGpt2:
      return Gpt2WordEnd<false>(reader, begin);
    case PreTokenizer::kSmolLm2:
      return Gpt2WordEnd<true>(reader, begin);
    case PreTokenizer::kQwen2:
      return Qwen2WordEnd<1>(reader, begin);
    case PreTokenizer::kLlama3:
      return Qwen2WordEnd<3>(reader, begin);
    case PreTokenizer::kWhole:
      return text.size();
    case PreTokenizer::kSpaceMarks:
      return std::min(text.size(), text.find(kSpaceMark, begin + 1));
    case PreTokenizer::kStages:
      break;
  }
  throw Error(ErrorCode::kInternal, StrCat("pre-tokenizer ", static_cast<int>(kind_)));
}

}  // namespace prm
