#include "data/similarity/normal_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "data/text/ascii.h"
#include "data/text/unicode.h"
#include "data/text/utf8.h"

namespace prm {
namespace {

using Alias = std::pair<std::string_view, std::string_view>;

// LaTeX commands, without backslash and case folded, and their replacements; empty: dropped.
constexpr Alias kCommands[] = {
    {"dfrac", "\\frac"},  {"tfrac", "\\frac"}, {"cfrac", "\\frac"},  {"times", "*"},
    {"cdot", "*"},        {"div", "/"},        {"leq", "<="},        {"le", "<="},
    {"leqslant", "<="},   {"geq", ">="},       {"ge", ">="},         {"geqslant", ">="},
    {"ne", "\u2260"},     {"neq", "\u2260"},   {"lt", "<"},          {"gt", ">"},
    {"left", ""},         {"right", ""},       {"big", ""},          {"bigg", ""},
    {"displaystyle", ""}, {"textstyle", ""},   {"limits", ""},       {"quad", ""},
    {"qquad", ""},        {"thinspace", ""},   {"text", ""},         {"textbf", ""},
    {"textit", ""},       {"textrm", ""},      {"mathrm", ""},       {"mathbf", ""},
    {"mathit", ""},       {"mbox", ""},        {"operatorname", ""}, {"boldsymbol", ""},
    {"degree", "\u00b0"}, {"circ", "\u00b0"},  {"to", "\u2192"},     {"rightarrow", "\u2192"},
    {"ldots", ""},        {"dots", ""},        {"cdots", ""},        {"dotsc", ""},
    {"dotsb", ""},        {"infty", "\u221e"},
};
// Commands that are removed with their braces.
constexpr std::string_view kWrappers[] = {"text",         "textbf",    "textit", "textrm",
                                          "mathrm",       "mathbf",    "mathit", "mbox",
                                          "operatorname", "boldsymbol"};

// Characters that NFKC keeps distinct; "" drops them.
constexpr std::pair<char32_t, std::string_view> kCharacters[] = {
    {0x00D7, "*"}, {0x22C5, "*"},  {0x00B7, "*"},  {0x2219, "*"}, {0x00F7, "/"}, {0x2044, "/"},
    {0x2215, "/"}, {0x2212, "-"},  {0x2010, "-"},  {0x2011, "-"}, {0x2012, "-"}, {0x2013, "-"},
    {0x2014, "-"}, {0x2264, "<="}, {0x2265, ">="}, {0x2018, ""},  {0x2019, ""},  {0x201C, ""},
    {0x201D, ""},  {0x200B, ""},   {0xFEFF, ""},
};

constexpr std::string_view kDropped = ".,;:!?\"'`$~";

template <class Table, class Key>
const std::string_view* Find(const Table& table, const Key& key) {
  const auto found = std::find_if(std::begin(table), std::end(table),
                                  [&](const auto& entry) { return entry.first == key; });
  return found == std::end(table) ? nullptr : &found->second;
}

bool IsAscii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; });
}

// NFKC turns 13 and a half into 131/2; a space is inserted to prevent that.
std::string WithSpacesBeforeFractions(std::string_view text) {
  std::string spaced;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    const auto is = [&](std::string_view first, std::string_view last) {
      return rest.substr(0, first.size()) >= first && rest.substr(0, last.size()) <= last;
    };
    const bool behind_digit = i > 0 && IsDigit(text[i - 1]);
    if (behind_digit && (is("\u00BC", "\u00BE") || is("\u2150", "\u215E"))) spaced += ' ';
    spaced += text[i];
  }
  return spaced;
}

// NFKC and case folding; for text that is not UTF-8, only ASCII letters are folded.
std::string Fold(std::string_view text) {
  if (!IsAscii(text) && !FindInvalidUtf8(text)) {
    const std::string spaced = WithSpacesBeforeFractions(text);
    utf8proc_uint8_t* folded = nullptr;
    const auto options = static_cast<utf8proc_option_t>(
        UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
    const utf8proc_ssize_t size =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(spaced.data()),
                     static_cast<utf8proc_ssize_t>(spaced.size()), &folded, options);
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(folded, &std::free);
    if (size >= 0) return {reinterpret_cast<const char*>(folded), size_t(size)};
  }
  std::string folded(text);
  for (char& c : folded) {
    if (IsUpper(c)) c = char(c - 'A' + 'a');
  }
  return folded;
}

// Splits folded text into words, in one pass.
class WordWriter {
 public:
  explicit WordWriter(std::string_view text) : text_(text), utf8_(!FindInvalidUtf8(text)) {
    out_.reserve(text.size() + text.size() / 4);
  }

  std::string Run() && {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)) && !IsWordByte(Before()))) {
        Number();
      } else if (IsLetter(c)) {
        Letters();
      } else if (c == '\\') {
        Command();
      } else if (c & 0x80) {
        Wide();
      } else {
        Symbol(c);
      }
    }
    return std::move(out_);
  }

 private:
  char Peek(size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : 0; }
  char Before() const { return at_ > 0 ? text_[at_ - 1] : 0; }
  static bool IsWordByte(char c) { return IsDigit(c) || IsLetter(c) || (c & 0x80) != 0; }

  void Put(std::string_view word) {
    if (word.empty()) return;
    if (!out_.empty()) out_ += ' ';
    out_ += word;
  }

  // Length of a separator between groups of three digits at `at`; 0 if none.
  size_t Separator(size_t at) const {
    const std::string_view rest = text_.substr(at);
    const size_t size = rest.starts_with("{,}") ? 3 : rest.starts_with(",") ? 1 : 0;
    if (size == 0 || rest.size() < size + 3) return 0;
    const bool group = IsDigit(rest[size]) && IsDigit(rest[size + 1]) && IsDigit(rest[size + 2]);
    const bool longer = rest.size() > size + 3 && IsDigit(rest[size + 3]);
    return group && !longer ? size : 0;
  }

  void Number() {
    std::string digits = Digits();
    if (digits.size() <= 3) {
      for (size_t size = Separator(at_); size > 0; size = Separator(at_)) {
        at_ += size;
        digits += Digits();
      }
    }
    if (Peek(0) == '.' && IsDigit(Peek(1))) {
      ++at_;
      if (digits.empty()) digits = "0";
      digits += "." + Digits();
      digits.resize(digits.find_last_not_of('0') + 1);
      if (digits.back() == '.') digits.pop_back();
    }
    Put(digits);
  }

  std::string Digits() {
    const size_t begin = at_;
    while (IsDigit(Peek(0))) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  void Letters() {
    const size_t begin = at_;
    while (at_ < text_.size() && (IsLetter(text_[at_]) || IsWideLetter())) at_ += Size();
    Put(text_.substr(begin, at_ - begin));
  }

  size_t Size() const {
    return utf8_ && (text_[at_] & 0x80) ? DecodeUtf8(&text_[at_]).size_bytes : 1;
  }
  bool IsWideLetter() const {
    if (!utf8_ || !(text_[at_] & 0x80)) return false;
    return CharClassTable()[DecodeUtf8(&text_[at_]).code_point] == CharClass::kLetter;
  }

  void Wide() {
    if (IsWideLetter()) {
      Letters();
      return;
    }
    const size_t size = Size();
    const std::string_view bytes = text_.substr(at_, size);
    const char32_t c = utf8_ ? DecodeUtf8(&text_[at_]).code_point : 0;
    at_ += size;
    if (utf8_ && CharClassTable()[c] == CharClass::kSpace) return;
    const std::string_view* alias = Find(kCharacters, c);
    Put(alias ? *alias : bytes);
  }

  void Command() {
    size_t end = at_ + 1;
    while (end < text_.size() && IsLetter(text_[end])) ++end;
    const std::string_view name = text_.substr(at_ + 1, end - at_ - 1);
    if (name.empty()) {
      // Escaped brackets of mathematics and spaces are dropped; an escaped sign becomes the sign.
      const char c = Peek(1);
      at_ += std::string_view("()[],;:! \\").find(c) == std::string_view::npos || c == 0 ? 1 : 2;
      return;
    }
    const std::string_view* alias = Find(kCommands, name);
    Put(alias ? *alias : text_.substr(at_, end - at_));
    at_ = end;
    if (std::find(std::begin(kWrappers), std::end(kWrappers), name) != std::end(kWrappers)) {
      if (Peek(0) == '{') OpenWrapper();
    }
  }

  void OpenWrapper() {
    braces_.push_back(true);
    ++at_;
  }

  // Whether the ' before `at_` follows a symbol, not a word: f'(x), \theta' or Δy'. It is a prime.
  bool IsPrime() const {
    constexpr size_t kFarthest = 40;  // limit on looking back: keeps the pass linear
    const size_t first = at_ - std::min(at_, kFarthest);
    size_t begin = at_ - 1;
    while (begin > first && (text_[begin - 1] == '\'' || text_[begin - 1] == '}')) --begin;
    const size_t end = begin;
    while (begin > first && IsWordByte(text_[begin - 1])) --begin;
    if (begin > 0 && begin == first) return false;
    if (begin == end || IsLetter(Peek(0)) || IsDigit(text_[end - 1])) return false;
    const char before = begin > 0 ? text_[begin - 1] : ' ';
    if (before == '\\') return true;
    size_t after_one = begin + (utf8_ ? DecodeUtf8(&text_[begin]).size_bytes : 1);
    if (after_one < end) after_one += utf8_ ? DecodeUtf8(&text_[after_one]).size_bytes : 1;
    return after_one == end && before != '\'' && before != '"' && before != '`';
  }

  void Symbol(char c) {
    ++at_;
    if (c == '\'' && IsPrime()) return Put("\u2032");
    if (c == '{') braces_.push_back(false);
    if (c == '}' && !braces_.empty()) {
      const bool wrapper = braces_.back();
      braces_.pop_back();
      if (wrapper) return;
    }
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    if (space || kDropped.find(c) != std::string_view::npos) return;
    const bool pair = (c == '<' || c == '>') && Peek(0) == '=';
    if (pair) ++at_;
    Put(pair ? (c == '<' ? "<=" : ">=") : text_.substr(at_ - 1, 1));
  }

  std::string_view text_;
  bool utf8_;
  size_t at_ = 0;
  std::vector<bool> braces_;  // per open brace: dropped with its command?
  std::string out_;
};

}  // namespace

std::string NormalText(std::string_view text) {
  const std::string folded = Fold(text);
  return WordWriter(folded).Run();
}

std::vector<std::string_view> NormalWords(std::string_view normal) {
  std::vector<std::string_view> words;
  for (size_t begin = 0; begin < normal.size();) {
    const size_t end = std::min(normal.find(' ', begin), normal.size());
    words.push_back(normal.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

bool IsNumberWord(std::string_view word) { return !word.empty() && IsDigit(word.front()); }

std::string MaskNumbers(std::string_view normal) {
  std::string masked;
  masked.reserve(normal.size());
  for (const std::string_view word : NormalWords(normal)) {
    if (!masked.empty()) masked += ' ';
    masked += IsNumberWord(word) ? std::string_view("#") : word;
  }
  return masked;
}

}  // namespace prm
