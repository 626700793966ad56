#include "data/answers/answers.h"

#include <algorithm>
#include <array>
#include <vector>

#include "data/answers/answer_text.h"
#include "data/text/ascii.h"
#include "data/text/exact_number.h"

namespace prm {
namespace {

constexpr size_t kMaxNormalizedBytes = 4096;

bool StartsAt(std::string_view text, size_t at, std::string_view word) {
  return text.substr(at, word.size()) == word;
}

// The content of the box that closes last, found in one pass with a stack of open braces.
std::optional<std::string_view> LastBox(std::string_view text) {
  struct Brace {
    size_t content;
    bool box;
  };
  std::vector<Brace> open;
  std::optional<std::string_view> last;
  bool box_next = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      const size_t name = StartsAt(text, i + 1, "boxed")  ? 5
                          : StartsAt(text, i + 1, "fbox") ? 4
                                                          : 0;
      box_next = name > 0;
      i += name > 0 ? name : 1;  // an escaped brace does not count
      continue;
    }
    if (c == '{') {
      open.push_back({i + 1, box_next});
    } else if (c == '}' && !open.empty()) {
      const Brace brace = open.back();
      open.pop_back();
      const std::string_view content = text.substr(brace.content, i - brace.content);
      if (brace.box && !TrimSpace(content).empty()) last = content;
    }
    if (c != ' ') box_next = false;
  }
  return last;
}

// Up to the end of the line or sentence; a full stop within a number or formula does not end it.
std::string_view RestOfSentence(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.' && (i + 1 == text.size() || text[i + 1] == ' ')) return text.substr(0, i);
  }
  return text;
}

// The text after "answer" if it introduces an answer: " is 5", ":** 5", " = 5".
std::optional<std::string_view> AfterAnswer(std::string_view rest) {
  constexpr std::string_view kFiller = " \t*_:";
  const auto skip = [&rest](std::string_view characters) {
    rest.remove_prefix(std::min(rest.find_first_not_of(characters), rest.size()));
  };
  const size_t colon = rest.substr(0, rest.find_first_not_of(kFiller)).find(':');
  skip(kFiller);
  const bool is = rest.size() > 2 && ToLower(rest.substr(0, 2)) == "is" && !IsLetter(rest[2]);
  const bool equals = rest.starts_with('=');
  if (!is && !equals && colon == std::string_view::npos) return std::nullopt;
  if (is || equals) rest.remove_prefix(is ? 2 : 1);
  skip(" \t\r\n*_:");
  rest = TrimSpace(RestOfSentence(rest));
  while (rest.ends_with('*') || rest.ends_with('_')) rest.remove_suffix(1);
  if (rest.empty()) return std::nullopt;
  return rest;
}

std::optional<std::string_view> LastAnnounced(std::string_view text) {
  constexpr std::string_view kWord = "answer";
  const std::string lower = ToLower(text);
  for (size_t at = lower.rfind(kWord); at != std::string::npos;
       at = at == 0 ? std::string::npos : lower.rfind(kWord, at - 1)) {
    if (at > 0 && IsLetter(lower[at - 1])) continue;
    if (const auto answer = AfterAnswer(text.substr(at + kWord.size()))) return answer;
  }
  return std::nullopt;
}

// Only on the last line: elsewhere "####" begins a heading.
std::optional<std::string_view> LastHashes(std::string_view text) {
  constexpr std::string_view kMark = "####";
  text = TrimSpace(text);
  text.remove_prefix(text.rfind('\n') + 1);
  const size_t end = text.rfind(kMark);
  const size_t begin = text.find_last_not_of('#', end) + 1;
  if (end == std::string_view::npos || begin != end) return std::nullopt;
  const std::string_view answer = TrimSpace(text.substr(end + kMark.size()));
  if (answer.empty()) return std::nullopt;
  return answer;
}

// Whether the number is not an index, exponent or part of a name.
bool StandsAlone(std::string_view text, size_t at) {
  if (at == 0) return true;
  const char before = text[at - 1];
  if (before == '{') return at < 2 || (text[at - 2] != '^' && text[at - 2] != '_');
  return !IsLetter(before) && before != '^' && before != '_';
}

// "5 - 3" is a difference, "= -3" a negative number.
bool IsSign(std::string_view text, size_t at) {
  if (text[at] != '-') return false;
  const size_t last = text.substr(0, at).find_last_not_of(" \t");
  if (last == std::string_view::npos) return true;
  const char before = text[last];
  const bool word_before = IsLetter(before) && last + 1 < at;
  return word_before || std::string_view("=($:,{").find(before) != std::string_view::npos;
}

std::optional<std::string_view> LastNumber(std::string_view text) {
  std::optional<std::string_view> last;
  for (size_t i = 0; i < text.size();) {
    const size_t length = StandsAlone(text, i) ? UnsignedNumberLength(text.substr(i)) : 0;
    if (length > 0) {
      size_t begin = i;
      if (i > 0 && IsSign(text, i - 1)) --begin;
      i += length;
      size_t end = i;
      if (StartsAt(text, i, "%")) end = i + 1;
      if (StartsAt(text, i, "\\%")) end = i + 2;
      last = text.substr(begin, end - begin);
    } else {
      const bool digit = IsDigit(text[i++]);
      while (digit && i < text.size() && IsDigit(text[i])) ++i;
    }
  }
  return last;
}

}  // namespace

std::string_view AnswerSourceName(AnswerSource source) {
  constexpr std::array<std::string_view, 5> kNames = {"given", "boxed", "answer_is", "hashes",
                                                      "last_number"};
  return kNames[size_t(source)];
}

std::optional<FoundAnswer> ExtractAnswer(std::string_view last_step) {
  struct Way {
    std::optional<std::string_view> (*find)(std::string_view);
    AnswerSource source;
  };
  constexpr std::array<Way, 4> kWays = {{{LastBox, AnswerSource::kBoxed},
                                         {LastAnnounced, AnswerSource::kAnswerIs},
                                         {LastHashes, AnswerSource::kHashes},
                                         {LastNumber, AnswerSource::kLastNumber}}};
  for (const Way& way : kWays) {
    if (const auto found = way.find(last_step)) {
      return FoundAnswer{std::string(TrimSpace(*found)), way.source};
    }
  }
  return std::nullopt;
}

std::string NormalizeAnswer(std::string_view answer) {
  std::string text(TrimSpace(answer));
  if (text.size() > kMaxNormalizedBytes) return text;
  // A removed mark may uncover another. Only the digits of a fraction lengthen the text in a pass,
  // and the next pass leaves them unchanged.
  std::string before;
  do {
    before = text;
    text = NormalizeOnce(text);
  } while (text != before);
  return text;
}

bool SameAnswer(std::string_view a, std::string_view b) {
  const std::string normalized = NormalizeAnswer(a);
  return !normalized.empty() && normalized == NormalizeAnswer(b);
}

}  // namespace prm
