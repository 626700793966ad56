#include "data/analysis/quantities.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "data/similarity/normal_text.h"

namespace prm {
namespace {

constexpr double kSmallCount = 12;
// Constants of units of time, measure and money, of percentages and angles.
constexpr std::array<double, 25> kConstants = {16,  18,  20,   24,   25,   28,   30,   31,  36,
                                               40,  45,  50,   52,   60,   90,   100,  180, 360,
                                               365, 366, 1000, 1760, 3600, 5280, 10000};

struct NumberWord {
  std::string_view word;
  double value;
};
constexpr std::array<NumberWord, 59> kNumberWords = {{
    {"zero", 0},       {"one", 1},         {"two", 2},          {"three", 3},
    {"four", 4},       {"five", 5},        {"six", 6},          {"seven", 7},
    {"eight", 8},      {"nine", 9},        {"ten", 10},         {"eleven", 11},
    {"twelve", 12},    {"thirteen", 13},   {"fourteen", 14},    {"fifteen", 15},
    {"sixteen", 16},   {"seventeen", 17},  {"eighteen", 18},    {"nineteen", 19},
    {"twenty", 20},    {"thirty", 30},     {"forty", 40},       {"fifty", 50},
    {"sixty", 60},     {"seventy", 70},    {"eighty", 80},      {"ninety", 90},
    {"hundred", 100},  {"thousand", 1000}, {"million", 1e6},    {"billion", 1e9},
    {"half", 0.5},     {"quarter", 0.25},  {"third", 1.0 / 3},  {"fourth", 0.25},
    {"fifth", 0.2},    {"dozen", 12},      {"twice", 2},        {"double", 2},
    {"triple", 3},     {"thrice", 3},      {"score", 20},       {"fortnight", 14},
    {"gross", 144},    {"halves", 0.5},    {"thirds", 1.0 / 3}, {"quarters", 0.25},
    {"fourths", 0.25}, {"fifths", 0.2},    {"tenth", 0.1},      {"tenths", 0.1},
    {"penny", 0.01},   {"pennies", 0.01},  {"cents", 0.01},     {"nickel", 0.05},
    {"nickels", 0.05}, {"dime", 0.1},      {"dimes", 0.1},
}};

// Words before a number that is only a label: "step 14", "equation 23".
constexpr std::array<std::string_view, 14> kLabels = {
    "step", "case",   "equation", "part",    "figure", "example", "problem",
    "line", "option", "choice",   "section", "table",  "#",       "_"};

std::optional<double> ValueOfWord(std::string_view word) {
  const auto found = std::find_if(kNumberWords.begin(), kNumberWords.end(),
                                  [&](const NumberWord& number) { return number.word == word; });
  if (found == kNumberWords.end()) return std::nullopt;
  return found->value;
}

double ValueOfNumber(std::string_view word) {
  return std::strtod(std::string(word).c_str(), nullptr);
}

// The same for values equal to nine digits.
long long KeyOfValue(double value) {
  if (value == 0 || !std::isfinite(value)) return 0;
  int exponent = 0;
  const double mantissa = std::frexp(value, &exponent);
  return std::llround(mantissa * 1e9) * 4096 + exponent;
}

bool IsOperator(std::string_view word) {
  return word.size() == 1 && std::string_view("+-*/^x").find(word[0]) != std::string_view::npos;
}

template <class Items, class Item>
bool Has(const Items& items, const Item& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

// Whether the number at `at` is only a label in the text, or a list mark at its start.
bool IsLabel(const std::vector<std::string_view>& words, size_t at) {
  if (at == 0) return words.size() > 1 && !IsOperator(words[1]) && words[1] != "=";
  return Has(kLabels, words[at - 1]);
}

// The inverse of a constant, such as 0.001 km per metre, is also a constant.
bool IsConstant(double value) {
  constexpr double kMinInverse = 60;
  const bool count = value <= kSmallCount && value == std::floor(value);
  if (count || Has(kConstants, value)) return true;
  const double inverse = value > 0 ? std::round(1 / value) : 0;
  return inverse >= kMinInverse && std::abs(value * inverse - 1) < 1e-9 && Has(kConstants, inverse);
}

// The value of one unit in the last digit shown: 0.01 for "1.71", 1 for "247".
double LastPlace(std::string_view word) {
  const size_t point = word.find('.');
  return point == word.npos ? 1 : std::pow(10, -double(word.size() - point - 1));
}

// "7 1/2": the value of the fraction at `at` with the whole number before it.
double MixedNumber(const std::vector<std::string_view>& words, size_t at) {
  const double fraction = ValueOfNumber(words[at]) / ValueOfNumber(words[at + 2]);
  const bool mixed = at > 0 && IsNumberWord(words[at - 1]);
  return fraction + (mixed ? ValueOfNumber(words[at - 1]) : 0);
}

// "= 12", "is 12", "about 12" without an operator after it state a result.
bool IsResult(const std::vector<std::string_view>& words, size_t at) {
  constexpr std::array<std::string_view, 23> kIntroduce = {
      "=",     "<=", ">=",  "<",     ">",       "\u2248", "\\approx", "approximately",
      "about", "is", "are", "was",   "equals",  "equal",  "gives",    "get",
      "gets",  "to", "or",  "total", "roughly", "be",     "becomes"};
  const bool behind = at + 1 < words.size() && IsOperator(words[at + 1]);
  if (behind || at == 0) return false;
  size_t before = at - 1;
  const bool sign = words[before] == "-" || words[before] == "rs";
  if (sign && before > 0) --before;
  return Has(kIntroduce, words[before]);
}

// One of two or more numbers in a row: terms of a sequence, cases, "1, 320", "41 and 43".
bool IsListed(const std::vector<std::string_view>& words, size_t at) {
  const auto is_number = [&](size_t i) { return i < words.size() && IsNumberWord(words[i]); };
  const auto is_and = [&](size_t i) { return i < words.size() && words[i] == "and"; };
  return is_number(at - 1) || is_number(at + 1) || (is_and(at - 1) && is_number(at - 2)) ||
         (is_and(at + 1) && is_number(at + 2));
}

// After the first equals sign of a formula, all numbers are results, up to such a word.
bool EndsFormula(std::string_view word) {
  constexpr std::array<std::string_view, 14> kEnds = {"so",    "and",  "because", "which", "since",
                                                      "then",  "thus", "but",     "while", "or",
                                                      "where", "the",  "for",     "with"};
  return Has(kEnds, word);
}

// Whether the step uses unknowns, roots or choices, whose numbers are computed mentally.
bool IsAlgebra(const std::vector<std::string_view>& words) {
  return std::any_of(words.begin(), words.end(), [](std::string_view word) {
    const bool letter = word.size() == 1 && word[0] >= 'b' && word[0] <= 'z' && word != "i" &&
                        word != "s" && word != "m" && word != "x";
    return letter || word == "choose" || word == "sqrt" || word == "\\sqrt" || word == "\u221a";
  });
}

// Whether an "x" is an unknown, not a multiplication: it is not between two numbers.
bool HasUnknownX(const std::vector<std::string_view>& words) {
  for (size_t i = 0; i < words.size(); ++i) {
    const bool between = i > 0 && i + 1 < words.size() && !IsOperator(words[i - 1]) &&
                         words[i - 1] != "=" && !IsOperator(words[i + 1]) && words[i + 1] != "=" &&
                         words[i + 1] != ")";
    if (words[i] == "x" && !between) return true;
  }
  return false;
}

}  // namespace

void KnownQuantities::Add(double value) {
  if (values_.size() <= kMaxKnown && keys_.insert(KeyOfValue(value)).second) {
    values_.push_back(value);
  }
}

void KnownQuantities::Learn(std::string_view text) {
  const std::string normal = NormalText(text);
  const std::vector<std::string_view> words = NormalWords(normal);
  for (size_t i = 0; i + 2 < words.size(); ++i) {
    const bool fraction = IsNumberWord(words[i]) && IsNumberWord(words[i + 2]) &&
                          (words[i + 1] == "/" || words[i + 1] == "\u2044");
    if (fraction && ValueOfNumber(words[i + 2]) != 0) Add(MixedNumber(words, i));
  }
  double before = 0;  // "twenty" of "twenty five", "3" of "3 million"
  for (const std::string_view word : words) {
    const std::optional<double> value =
        IsNumberWord(word) ? ValueOfNumber(word) : ValueOfWord(word);
    if (!value) {
      before = 0;
      continue;
    }
    Add(*value);
    if (before > 0) Add(*value >= 100 || *value < 1 ? before * *value : before + *value);
    before = *value >= 100 && before > 0 ? before * *value : *value;
  }
}

bool KnownQuantities::Knows(double value) const { return keys_.contains(KeyOfValue(value)); }

bool KnownQuantities::IsOneOperationAway(double value) const {
  // p percent more or less, and the remaining share; squares; parts of an hour.
  if (Knows(1 - value / 100) || Knows(1 + value / 100) || Knows((value - 1) * 100) ||
      Knows((1 - value) * 100) || Knows(value - 1) || Knows(1 - value)) {
    return true;
  }
  if (Knows(std::sqrt(value)) || Knows(value * value) || Knows(value * 60) || Knows(value / 60)) {
    return true;
  }
  for (const double power : {10.0, 1000.0}) {
    if (Knows(value * power) || Knows(value / power)) return true;
  }
  for (const double exponent : {3.0, 4.0, 5.0, 6.0}) {
    if (Knows(std::round(std::pow(value, 1 / exponent) * 1e9) / 1e9)) return true;
  }
  if (Knows(value / 2) || Knows(value * 2) || Knows(value * 100) || Knows(value / 100) ||
      Knows(100 - value) || Knows(value - 100) || Knows(value + 1) || Knows(value - 1)) {
    return true;
  }
  return std::any_of(values_.begin(), values_.end(), [&](double a) {
    if (Knows(value - a) || Knows(value + a) || Knows(a - value)) return true;
    if (a == 0) return false;
    return Knows(value / a) || Knows(value * a) || Knows(a / value) || Knows(value * 100 / a) ||
           Knows(value * a / 100);
  });
}

bool KnownQuantities::IsRounded(double value, double place) const {
  const auto rounds = [&](double known) {
    return known != value && std::abs(known - value) < place && std::abs(value) >= place;
  };
  return std::any_of(values_.begin(), values_.end(), [&](double a) {
    // A whole known number only rounds to itself.
    if (a != std::floor(a) && rounds(a)) return true;
    if (place < 1 && a != 0 && rounds(1 / a)) return true;
    // Whole numbers are close to too many quotients.
    return place < 1 && std::any_of(values_.begin(), values_.end(), [&](double b) {
             const double quotient = a / b;
             return b != 0 && quotient != std::floor(quotient) && rounds(quotient);
           });
  });
}

std::vector<std::string> KnownQuantities::Unsupported(std::string_view step) {
  const std::string normal = NormalText(step);
  const std::vector<std::string_view> words = NormalWords(normal);
  std::vector<std::string_view> used;
  std::vector<double> stated;  // results: known before they are used, wherever they occur
  const bool algebra = IsAlgebra(words) || HasUnknownX(words);
  bool number = false, derived = false;  // since the last word of prose
  for (size_t i = 0; i < words.size() && values_.size() <= kMaxKnown && !algebra; ++i) {
    if (words[i] == "=" || words[i] == "\u2248") derived = derived || number;
    if (EndsFormula(words[i])) number = derived = false;
    if (!IsNumberWord(words[i])) continue;
    number = true;
    const double value = ValueOfNumber(words[i]);
    if (IsResult(words, i)) {
      stated.push_back(value);
    } else if (!derived && !IsConstant(value) && !IsLabel(words, i) && !IsListed(words, i)) {
      used.push_back(words[i]);
    }
  }
  std::vector<std::string> unsupported;
  for (const std::string_view word : used) {
    const double value = ValueOfNumber(word);
    if (Has(stated, value) || Knows(value) || IsOneOperationAway(value)) continue;
    if (Has(stated, value / 100)) continue;  // "160 %, because 16 / 10 = 1.6"
    if (IsRounded(value, LastPlace(word))) continue;
    if (!Has(unsupported, word)) unsupported.emplace_back(word);
  }
  Learn(step);
  if (values_.size() > kMaxKnown) unsupported.clear();
  return unsupported;
}

}  // namespace prm
