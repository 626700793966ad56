// AnswersMatch: equality of answers beyond their single normal form.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "data/answers/answer_text.h"
#include "data/answers/answers.h"
#include "data/text/ascii.h"
#include "data/text/exact_number.h"

namespace prm {
namespace {

constexpr size_t kMaxBytes = 4096;

std::string ReplaceAll(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// Removes math delimiters and unifies the signs that are read here.
std::string Prepare(std::string_view text) {
  std::string out = StripMarks(text);
  constexpr std::pair<std::string_view, std::string_view> kSigns[] = {
      {"\\leqslant", "<="}, {"\\geqslant", ">="},  {"\\leq", "<="},    {"\\geq", ">="},
      {"\\le", "<="},       {"\\ge", ">="},        {"\u2264", "<="},   {"\u2265", ">="},
      {"\\lt", "<"},        {"\\gt", ">"},         {"\\pm", "\u00b1"}, {"\\infty", "inf"},
      {"\u221e", "inf"},    {"\\infinity", "inf"}, {"\\in ", " in "},  {"\u2208", " in "},
      {"\\{", "{"},         {"\\}", "}"},          {"+inf", "inf"},
  };
  for (const auto& [from, to] : kSigns) out = ReplaceAll(std::move(out), from, to);
  std::string_view core = TrimSpace(out);
  while (core.ends_with('.') || core.ends_with(';'))
    core = TrimSpace(core.substr(0, core.size() - 1));
  return std::string(core);
}

// Splits at `separator` outside brackets.
std::vector<std::string> SplitOutside(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    depth += int(c == '(' || c == '[' || c == '{') - int(c == ')' || c == ']' || c == '}');
    if (depth == 0 && text.substr(i, separator.size()) == separator) {
      parts.emplace_back();
      i += separator.size();
    } else {
      parts.back() += c;
      ++i;
    }
  }
  return parts;
}

// Whether the bracket that opens `text` closes at its end, whatever the kind of the two.
bool IsBracketed(std::string_view text) {
  if (text.size() < 2) return false;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    depth += int(c == '(' || c == '[' || c == '{') - int(c == ')' || c == ']' || c == '}');
    if (depth == 0) return i > 0 && i + 1 == text.size();
  }
  return false;
}

bool IsVariable(std::string_view text) {
  text = TrimSpace(text);
  return text.size() == 1 && IsLetter(text[0]);
}

// An answer with several parts: its kind, "(,]" or "set", and its items in normal form; the items
// of a set are sorted and distinct. Empty if it has no such form.
struct Parts {
  std::string shape;
  std::vector<std::string> items;
  friend bool operator==(const Parts&, const Parts&) = default;
};

std::string Bound(std::string_view text) {
  text = TrimSpace(text);
  if (text == "inf" || text == "-inf" || text == "- inf") {
    return text == "inf" ? "inf" : "-inf";
  }
  return NormalizeAnswer(text);
}

Parts MakeInterval(bool closed_low, std::string_view low, std::string_view high, bool closed_high) {
  Parts parts{closed_low ? "[," : "(,", {Bound(low), Bound(high)}};
  parts.shape += closed_high ? "]" : ")";
  return parts;
}

// "1 < x <= 2", "x > 3", "3 <= x".
Parts ReadInequality(const std::string& text) {
  std::vector<std::string> sides(1);
  std::vector<std::string> signs;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '<' && text[i] != '>') {
      sides.back() += text[i];
      continue;
    }
    const bool or_equal = i + 1 < text.size() && text[i + 1] == '=';
    signs.push_back(text.substr(i, or_equal ? 2 : 1));
    i += or_equal;
    sides.emplace_back();
  }
  const auto closed = [&](size_t i) { return signs[i].size() == 2; };
  const auto less = [&](size_t i) { return signs[i][0] == '<'; };
  if (signs.size() == 1 && IsVariable(sides[0]) != IsVariable(sides[1])) {
    const bool variable_first = IsVariable(sides[0]);
    const std::string& bound = sides[variable_first ? 1 : 0];
    if (less(0) == variable_first) return MakeInterval(false, "-inf", bound, closed(0));
    return MakeInterval(closed(0), bound, "inf", false);
  }
  if (signs.size() == 2 && less(0) == less(1) && IsVariable(sides[1])) {
    if (less(0)) return MakeInterval(closed(0), sides[0], sides[2], closed(1));
    return MakeInterval(closed(1), sides[2], sides[0], closed(0));
  }
  return {};
}

// "x = 1" as "1".
std::string_view AfterVariable(std::string_view item) {
  const size_t sign = item.find('=');
  return sign != item.npos && IsVariable(item.substr(0, sign)) ? item.substr(sign + 1) : item;
}

Parts MakeSet(const std::vector<std::string>& items) {
  Parts set{"set", {}};
  for (const std::string& item : items) {
    const std::string_view value = TrimSpace(AfterVariable(TrimSpace(item)));
    if (value.empty()) return {};
    constexpr std::string_view kPlusMinus = "\u00b1";
    const size_t sign = value.find(kPlusMinus);
    if (sign == value.npos) {
      set.items.push_back(NormalizeAnswer(value));
      continue;
    }
    for (const std::string_view one : {"+", "-"}) {
      std::string signed_value(value);
      // "+ 3" alone is 3.
      signed_value.replace(sign, kPlusMinus.size(), sign == 0 && one == "+" ? "" : one);
      set.items.push_back(NormalizeAnswer(signed_value));
    }
  }
  std::sort(set.items.begin(), set.items.end());
  set.items.erase(std::unique(set.items.begin(), set.items.end()), set.items.end());
  return set;
}

Parts ReadBracketed(std::string_view text) {
  const char open = text.front(), close = text.back();
  const std::vector<std::string> items = SplitOutside(text.substr(1, text.size() - 2), ",");
  if (open == '{' && close == '}') return MakeSet(items);
  if (items.size() < 2 || open == '{' || close == '}') return {};
  Parts parts{std::string(1, open) + "," + close, {}};
  for (const std::string& item : items) parts.items.push_back(Bound(item));
  return parts;
}

// A list without brackets: "1, 2 and 3", "x = 1 or x = 2".
Parts ReadList(const std::string& text) {
  std::string list = ReplaceAll(text, ", and ", ",");
  for (const std::string_view word : {" and ", " or ", ";"}) list = ReplaceAll(list, word, ",");
  const std::vector<std::string> items = SplitOutside(list, ",");
  const bool pair = list.find("\u00b1") != std::string::npos;
  if (items.size() < 2 && !pair) return {};
  // Words with commas are prose, not a list of answers.
  const bool values = std::all_of(items.begin(), items.end(), [](const std::string& item) {
    return std::any_of(item.begin(), item.end(), [](char c) { return IsDigit(c); }) ||
           TrimSpace(AfterVariable(TrimSpace(item))).size() <= 2;
  });
  return values ? MakeSet(items) : Parts{};
}

Parts ReadParts(std::string_view answer) {
  std::string text = Prepare(answer);
  const size_t member = text.find(" in ");
  if (member != std::string::npos && IsVariable(text.substr(0, member))) {
    text = std::string(TrimSpace(text.substr(member + 4)));
  }
  const size_t equals = text.find('=');
  if (equals != std::string::npos && equals > 0 && text[equals - 1] != '<' &&
      text[equals - 1] != '>' && IsBracketed(TrimSpace(text.substr(equals + 1)))) {
    text = std::string(TrimSpace(text.substr(equals + 1)));
  }
  if (IsBracketed(text)) return ReadBracketed(text);
  if (text.find_first_of("<>") != std::string::npos) return ReadInequality(text);
  // 1,200 is one number.
  const ExactNumber number = ReadExactNumber(text);
  if (number.length == text.size()) return {};
  return ReadList(text);
}

bool HasPercentSign(std::string_view answer) {
  return answer.find('%') != answer.npos || ToLower(answer).find("percent") != std::string::npos;
}

// "45%" read as hundredths: "0.45".
std::string Hundredths(std::string_view answer) {
  const std::string number = NormalizeAnswer(answer);
  if (ReadExactNumber(number).length != number.size() || number.find('/') != number.npos) return "";
  return NormalizeAnswer(number + "e-2");
}

// "B" of "Choice_B", "option (B)", "B: Alpha particles", "(B) Ulysses".
std::string ChoiceLetter(std::string_view answer) {
  const std::string text = Prepare(answer);
  std::string_view rest = text;
  const std::string lower = ToLower(text);
  bool named = false;
  for (const std::string_view word : {"choice", "option"}) {
    if (!lower.starts_with(word)) continue;
    rest.remove_prefix(word.size());
    named = true;
  }
  while (!rest.empty() && std::string_view(" _:").find(rest.front()) != rest.npos) {
    rest.remove_prefix(1);
  }
  const bool bracket = rest.starts_with('(');
  if (bracket) rest.remove_prefix(1);
  if (rest.empty() || rest[0] < 'A' || rest[0] > 'H') return "";
  const std::string_view after = rest.substr(1);
  const bool marked = bracket ? after.starts_with(')')
                              : after.starts_with(':') || after.starts_with(')') ||
                                    after.starts_with(". ") || (named && TrimSpace(after).empty());
  const bool alone = !bracket && after.empty();
  return marked || alone ? std::string(1, rest[0]) : "";
}

}  // namespace

bool AnswersMatch(std::string_view answer, std::string_view key) {
  if (SameAnswer(answer, key)) return true;
  if (answer.size() > kMaxBytes || key.size() > kMaxBytes) return false;
  if (TrimSpace(answer).empty() || TrimSpace(key).empty()) return false;
  const bool percent = HasPercentSign(answer), key_percent = HasPercentSign(key);
  if (percent != key_percent) {
    const std::string hundredths = Hundredths(percent ? answer : key);
    if (!hundredths.empty() && hundredths == NormalizeAnswer(percent ? key : answer)) return true;
  }
  const std::string letter = ChoiceLetter(answer);
  if (!letter.empty() && letter == ChoiceLetter(key)) return true;
  const Parts parts = ReadParts(answer);
  return !parts.shape.empty() && parts == ReadParts(key);
}

}  // namespace prm
