#include "data/math_text/math_shapes.h"

#include <algorithm>

#include "data/text/ascii.h"

namespace prm {
namespace {

char At(std::string_view text, size_t i) { return i < text.size() ? text[i] : '\0'; }
bool IsLineSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// Whether there are two words of three or more letters, apart from commands and text in braces.
bool HasProse(std::string_view text) {
  int depth = 0;
  int words = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
    if (!IsLetter(text[i])) continue;
    const size_t begin = i;
    while (i + 1 < text.size() && IsLetter(text[i + 1])) ++i;
    const bool command = begin > 0 && text[begin - 1] == '\\';
    words += depth == 0 && !command && i - begin >= 2;
  }
  return words >= 2;
}

}  // namespace

size_t DigitGroupsLength(std::string_view text, bool* odd) {
  size_t end = 0;
  while (IsDigit(At(text, end))) ++end;
  // Groups follow at most three digits.
  bool grouped = end <= 3;
  while (grouped) {
    size_t group = end;
    if (At(text, group) == ',') {
      ++group;
    } else if (text.substr(std::min(group, text.size())).starts_with("{,}") ||
               text.substr(std::min(group, text.size())).starts_with(",\\!")) {
      group += 3;
    } else {
      break;
    }
    size_t digits = 0;
    while (IsDigit(At(text, group + digits))) ++digits;
    if (digits == 0) break;
    if (digits != 3) {
      *odd = true;
      return group + digits;
    }
    end = group + 3;
  }
  if (At(text, end) == ',' && IsDigit(At(text, end + 1))) *odd = true;
  return end;
}

bool IsOrdinalSuffix(std::string_view text) {
  const std::string_view suffix = text.substr(0, 2);
  return (suffix == "st" || suffix == "nd" || suffix == "rd" || suffix == "th") &&
         !IsLetter(At(text, 2));
}

size_t ClockTailLength(std::string_view text) {
  size_t length = 0;
  while (At(text, length) == ':' && IsDigit(At(text, length + 1))) {
    ++length;
    while (IsDigit(At(text, length))) ++length;
  }
  return length;
}

size_t SubscriptLength(std::string_view text) {
  constexpr size_t kLongest = 16;
  if (At(text, 0) != '_') return 0;
  if (IsLetter(At(text, 1)) || IsDigit(At(text, 1))) return 2;
  if (At(text, 1) != '{') return 0;
  for (size_t length = 2; length < kLongest; ++length) {
    const char c = At(text, length);
    if (c == '}') return length + 1;
    if (c == '{' || c == '\0' || c == '\n') return 0;
  }
  return 0;
}

size_t ListMarkerLength(std::string_view line) {
  size_t i = 0;
  while (IsLineSpace(At(line, i)) || At(line, i) == '#') ++i;
  if (At(line, i) == '-' || At(line, i) == '*') {
    return IsLineSpace(At(line, i + 1)) && !IsDigit(At(line, i + 2)) ? i + 2 : 0;
  }
  if (line.substr(i).starts_with("Step ") && IsDigit(At(line, i + 5))) i += 5;
  size_t digits = 0;
  while (IsDigit(At(line, i + digits))) ++digits;
  if (digits == 0 || digits > 2) return 0;
  const char after = At(line, i + digits);
  const bool mark = after == '.' || after == ')' || after == ':';
  return mark && IsLineSpace(At(line, i + digits + 1)) ? i + digits + 2 : 0;
}

size_t CalculatorMarkLength(std::string_view text) {
  constexpr size_t kLongestMark = 400;
  if (!text.starts_with("<<")) return 0;
  const std::string_view mark = text.substr(2, kLongestMark);
  const size_t close = mark.find(">>");
  if (close == mark.npos || mark.substr(0, close).find('\n') != mark.npos) return 0;
  return close + 4;
}

bool OpensMathRegion(std::string_view text) {
  constexpr size_t kLongestRegion = 1000;
  if (IsLineSpace(At(text, 1)) || At(text, 1) == '\n') return false;
  const size_t limit = std::min(text.size(), kLongestRegion);
  for (size_t i = 1; i < limit; ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '\n' && At(text, i + 1) == '\n') {
      return false;
    } else if (text[i] == '$') {
      return !IsLineSpace(text[i - 1]) && i > 1 && !IsDigit(At(text, i + 1)) &&
             !(IsDigit(At(text, 1)) && HasProse(text.substr(1, i - 1)));
    }
  }
  return false;
}

}  // namespace prm
