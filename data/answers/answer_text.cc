#include "data/answers/answer_text.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "data/text/ascii.h"
#include "data/text/exact_number.h"

namespace prm {
namespace {

constexpr std::string_view kSpace = " \t\r\n\f\v";
constexpr size_t kMaxUnitWords = 6;
constexpr size_t kMaxNameBytes = 40;

constexpr std::array<std::string_view, 17> kWrappers = {
    "text",   "textbf",       "textit", "textrm", "textsf",    "texttt",
    "mathrm", "mathbf",       "mathit", "mathsf", "mathtt",    "mbox",
    "hbox",   "operatorname", "boxed",  "fbox",   "boldsymbol"};
constexpr std::array<std::string_view, 6> kInvisible = {"left",      "right",  "displaystyle",
                                                        "textstyle", "limits", "bf"};
constexpr std::array<std::string_view, 4> kBlank = {"quad", "qquad", "degree", "thinspace"};
constexpr std::array<std::string_view, 3> kFractions = {"dfrac", "tfrac", "cfrac"};

// UTF-8 characters and their replacements.
constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kReplacements = {{
    {"\u2212", "-"},  // minus sign
    {"\u00a0", " "},  // no-break space
    {"\u2009", " "},  // thin space
    {"\u202f", " "},  // narrow no-break space
    {"\u00b0", " "},  // degree
    {"\u20ac", " "},  // euro
    {"\u00a3", " "},  // pound
    {"\u00a5", " "},  // yen
    {"\u20b9", " "},  // rupee
    {"\u00b2", "^2"},
    {"\u00b3", "^3"},
    {"**", ""},
    {"{,}", ","},
}};

constexpr std::array<std::string_view, 26> kAttachedUnits = {
    "mm",  "cm",   "km",  "mg",   "kg",  "ml",  "mL",  "lb", "lbs", "oz", "ft", "hr",  "hrs",
    "min", "mins", "sec", "secs", "mph", "kph", "kWh", "kW", "Hz",  "GB", "MB", "usd", "USD"};
constexpr std::string_view kOneLetterUnits = "mgshLlCFKWVAJN";
// Unsorted: few entries, read once per answer.
constexpr std::array<std::string_view, 42> kNoUnits = {
    "or",       "and",       "to",       "over",     "plus",    "minus",     "mod",
    "pi",       "sqrt",      "am",       "pm",       "a.m",     "p.m",       "a.m.",
    "p.m.",     "million",   "millions", "thousand", "billion", "trillion",  "hundred",
    "dozen",    "dozens",    "half",     "halves",   "third",   "thirds",    "quarter",
    "quarters", "fourth",    "fourths",  "fifth",    "fifths",  "remainder", "squared",
    "cubed",    "factorial", "base",     "choose",   "if",      "not",       "but"};

template <class Words>
bool Contains(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Rewrites marks in one pass over the text.
class MarkStripper {
 public:
  explicit MarkStripper(std::string_view text) : text_(text) {}

  std::string Strip() {
    while (at_ < text_.size()) {
      if (text_[at_] == '\\') {
        Command();
      } else if (!Replacement() && !Degree()) {
        Character();
      }
    }
    return std::string(TrimSpace(out_));
  }

 private:
  void Put(std::string_view text) {
    for (const char c : text) {
      const bool space = kSpace.find(c) != std::string_view::npos;
      if (!space) out_ += c;
      if (space && !out_.ends_with(' ')) out_ += ' ';
    }
  }

  bool Take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool Replacement() {
    for (const auto& [from, to] : kReplacements) {
      if (!Take(from)) continue;
      Put(to);
      return true;
    }
    return false;
  }

  bool Degree() {
    for (const std::string_view degree : {"^\\circ", "^{\\circ}", "^ \\circ", "^{ \\circ }"}) {
      if (!Take(degree)) continue;
      Put(" ");
      return true;
    }
    return false;
  }

  void Character() {
    const char c = text_[at_++];
    if (c == '{') {
      braces_.push_back(false);
    } else if (c == '}' && !braces_.empty()) {
      const bool dropped = braces_.back();
      braces_.pop_back();
      if (dropped) return;
    }
    const bool blank = c == '$' || c == '~';
    if (c != '`') Put(blank ? std::string_view(" ") : std::string_view(&c, 1));
  }

  void Command() {
    size_t end = at_ + 1;
    while (end < text_.size() && IsLetter(text_[end])) ++end;
    const std::string_view name = text_.substr(at_ + 1, end - at_ - 1);
    if (name.empty()) {
      Symbol();
      return;
    }
    const size_t brace = std::min(text_.find_first_not_of(' ', end), text_.size());
    if (Contains(kWrappers, name) && brace < text_.size() && text_[brace] == '{') {
      // 5\text{cm} becomes "5 cm".
      if (!out_.empty() && IsDigit(out_.back())) Put(" ");
      braces_.push_back(true);
      end = brace + 1;
    } else if (Contains(kFractions, name)) {
      Put("\\frac");
    } else if (Contains(kBlank, name)) {
      Put(" ");
    } else if (!Contains(kInvisible, name)) {
      Put(text_.substr(at_, end - at_));
    }
    at_ = end;
  }

  // A backslash before a character that is not a letter.
  void Symbol() {
    const std::string_view symbol = text_.substr(at_, 2);
    at_ += symbol.size();
    if (symbol.size() < 2) return;
    const char c = symbol[1];
    if (c == '!') return;
    if (std::string_view(",;: ()[]$").find(c) != std::string_view::npos) {
      Put(" ");
    } else if (c == '%' || c == '&' || c == '#') {
      Put(symbol.substr(1));
    } else {
      Put(symbol);
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string out_;
  std::vector<bool> braces_;  // per open brace: dropped with its wrapper?
};

// Whether the bracket that opens `text` closes at its end.
bool IsWrapped(std::string_view text, char open, char close) {
  if (text.size() < 2 || text.front() != open || text.back() != close) return false;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    depth += int(text[i] == open) - int(text[i] == close);
    if (depth == 0) return i + 1 == text.size();
  }
  return false;
}

// "x", "x_1", "Total cost": allowed before "= value".
bool IsName(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameBytes) return false;
  if (!IsLetter(text.front()) && text.front() != '\\') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return IsLetter(c) || IsDigit(c) || c == ' ' || c == '_' || c == '{' || c == '}' || c == '\\';
  });
}

std::string_view StripName(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || text.find('=', equals + 1) != std::string_view::npos) {
    return text;
  }
  const std::string_view name = TrimSpace(text.substr(0, equals));
  return name.empty() || IsName(name) ? TrimSpace(text.substr(equals + 1)) : text;
}

std::string_view StripAround(std::string_view text) {
  while (!text.empty() && std::string_view(".,;:").find(text.back()) != std::string_view::npos) {
    text = TrimSpace(text.substr(0, text.size() - 1));
  }
  text = StripName(text);
  const bool quoted = text.size() > 1 && text.front() == '"' && text.back() == '"';
  // Parentheses with a comma or another bracket inside are a tuple or an interval.
  const bool grouped =
      IsWrapped(text, '(', ')') && text.find_first_of(",([", 1) == std::string_view::npos;
  if (quoted || grouped || IsWrapped(text, '{', '}')) {
    text = TrimSpace(text.substr(1, text.size() - 2));
  }
  if (text.size() == 2 && IsUpper(text[0]) && text[1] == ')') text.remove_suffix(1);
  return text;
}

bool IsUnitWord(std::string_view word, bool first) {
  if (word.size() == 1) {
    return kOneLetterUnits.find(word[0]) != std::string_view::npos || (!first && word[0] == 'a');
  }
  if (!IsLetter(word[0]) || Contains(kNoUnits, ToLower(word))) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    const bool power = word[i] == '^' && (word.substr(i + 1) == "2" || word.substr(i + 1) == "3");
    if (power) return true;
    const bool inner = word[i] == '/' || word[i] == '.' || word[i] == '-' || word[i] == '\'';
    if (!IsLetter(word[i]) && !inner) return false;
  }
  return true;
}

bool IsPlainWords(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return IsLetter(c) || c == ' ' || c == '-' || c == '\''; });
}

// Drops spaces except between letters.
std::string Compact(std::string_view text) {
  std::string compact;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool between_words =
        i > 0 && i + 1 < text.size() && IsLetter(text[i - 1]) && IsLetter(text[i + 1]);
    if (text[i] != ' ' || between_words) compact += text[i];
  }
  return compact;
}

}  // namespace

std::string StripMarks(std::string_view text) { return MarkStripper(text).Strip(); }

bool IsUnit(std::string_view text) {
  if (text.empty()) return true;
  bool attached = text.front() != ' ';
  if (text.front() == '%') {
    text.remove_prefix(1);
    attached = !text.empty() && text.front() != ' ';
    if (attached) return false;
  }
  size_t words = 0;
  for (text = TrimSpace(text); !text.empty(); text = TrimSpace(text)) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    const bool first = words++ == 0;
    const bool is_unit = first && attached
                             ? Contains(kAttachedUnits, word.substr(0, word.find('^')))
                             : IsUnitWord(word, first);
    if (!is_unit || words > kMaxUnitWords) return false;
  }
  return true;
}

std::string NormalizeOnce(std::string_view text) {
  const std::string stripped = StripMarks(text);
  const std::string_view core = StripAround(stripped);
  ExactNumber number = ReadExactNumber(core);
  if (number.length > 0 && IsUnit(core.substr(number.length))) return std::move(number.canonical);
  if (core.size() == 1 && IsUpper(core[0])) return std::string(core);
  return IsPlainWords(core) ? ToLower(core) : Compact(core);
}

}  // namespace prm
