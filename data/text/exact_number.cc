#include "data/text/exact_number.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "data/text/ascii.h"

namespace prm {
namespace {

constexpr int kMaxExponent = 40;
constexpr size_t kMaxFractionDigits = 18;  // per side; a product of two fits 128 bits
constexpr std::array<std::string_view, 4> kFractionCommands = {"\\frac", "\\dfrac", "\\tfrac",
                                                               "\\cfrac"};

// whole.part without signs, leading or trailing zeros; 0 has both empty.
struct Decimal {
  std::string whole;
  std::string part;
};

// whole + numerator / denominator, or only the numerator.
struct Number {
  bool negative = false;
  Decimal whole;
  Decimal numerator;
  std::optional<Decimal> denominator;
};

// Takes lexemes from the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  size_t position() const { return at_; }
  void set_position(size_t at) { at_ = at; }
  char Peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : 0; }
  bool Take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void SkipSpaces() {
    while (Peek() == ' ') ++at_;
  }
  std::string TakeDigits() {
    const size_t begin = at_;
    while (IsDigit(Peek())) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  // One digit, for \frac12.
  std::string TakeDigit() { return IsDigit(Peek()) ? std::string(1, text_[at_++]) : ""; }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

// Moves the point by `exponent` and drops insignificant zeros.
Decimal MakeDecimal(std::string whole, std::string part, int exponent) {
  if (exponent > 0) {
    part.resize(std::max(part.size(), size_t(exponent)), '0');
    whole += part.substr(0, size_t(exponent));
    part.erase(0, size_t(exponent));
  } else if (exponent < 0) {
    const size_t shift = size_t(-exponent);
    if (whole.size() < shift) whole.insert(0, shift - whole.size(), '0');
    part.insert(0, whole.substr(whole.size() - shift));
    whole.resize(whole.size() - shift);
  }
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  part.resize(part.find_last_not_of('0') + 1);
  return {std::move(whole), std::move(part)};
}

// ",200" after 1 to 3 digits: groups of exactly three.
void TakeGroups(Scanner* scanner, std::string* whole) {
  while (true) {
    const size_t before = scanner->position();
    if (!scanner->Take(",") && !scanner->Take("{,}")) return;
    const std::string group = scanner->TakeDigits();
    if (group.size() != 3) {
      scanner->set_position(before);
      return;
    }
    *whole += group;
  }
}

// Takes e+3; takes nothing and returns 0 if there is no exponent or it exceeds kMaxExponent.
int TakeExponent(Scanner* scanner) {
  const size_t before = scanner->position();
  if (scanner->Take("e") || scanner->Take("E")) {
    const bool negative = scanner->Take("-");
    if (!negative) scanner->Take("+");
    const std::string digits = scanner->TakeDigits();
    if (!digits.empty() && digits.size() <= 3 && !IsLetter(scanner->Peek())) {
      const int exponent = std::stoi(digits);
      if (exponent <= kMaxExponent) return negative ? -exponent : exponent;
    }
  }
  scanner->set_position(before);
  return 0;
}

std::optional<Decimal> TakeDecimal(Scanner* scanner) {
  std::string whole = scanner->TakeDigits();
  if (!whole.empty() && whole.size() <= 3) TakeGroups(scanner, &whole);
  std::string part;
  if (scanner->Peek() == '.' && IsDigit(scanner->Peek(1))) {
    scanner->Take(".");
    part = scanner->TakeDigits();
  }
  if (whole.empty() && part.empty()) return std::nullopt;
  const int exponent = TakeExponent(scanner);
  return MakeDecimal(std::move(whole), std::move(part), exponent);
}

// {1.5}, {-2} or a single digit.
std::optional<Decimal> TakeFractionSide(Scanner* scanner, bool* negative) {
  scanner->SkipSpaces();
  if (!scanner->Take("{")) {
    const std::string digit = scanner->TakeDigit();
    if (digit.empty()) return std::nullopt;
    return MakeDecimal(digit, "", 0);
  }
  scanner->SkipSpaces();
  if (scanner->Take("-")) *negative = !*negative;
  scanner->SkipSpaces();
  std::optional<Decimal> side = TakeDecimal(scanner);
  scanner->SkipSpaces();
  if (!side || !scanner->Take("}")) return std::nullopt;
  return side;
}

bool TakeFraction(Scanner* scanner, Number* number) {
  const size_t before = scanner->position();
  Number fraction = *number;
  for (const std::string_view command : kFractionCommands) {
    if (!scanner->Take(command)) continue;
    const std::optional<Decimal> numerator = TakeFractionSide(scanner, &fraction.negative);
    fraction.denominator = numerator ? TakeFractionSide(scanner, &fraction.negative) : std::nullopt;
    if (!fraction.denominator) break;
    fraction.numerator = *numerator;
    *number = std::move(fraction);
    return true;
  }
  scanner->set_position(before);
  return false;
}

// "/4" after a numerator; a second slash makes it a date.
std::optional<Decimal> TakeSlash(Scanner* scanner) {
  const size_t before = scanner->position();
  scanner->SkipSpaces();
  if (scanner->Take("/")) {
    scanner->SkipSpaces();
    std::optional<Decimal> denominator = TakeDecimal(scanner);
    if (denominator && scanner->Peek() != '/') return denominator;
  }
  scanner->set_position(before);
  return std::nullopt;
}

// " 1/2" or "\frac{1}{2}" after a whole number.
void TakeMixed(Scanner* scanner, Number* number) {
  if (!number->numerator.part.empty()) return;
  const size_t before = scanner->position();
  Number mixed;
  mixed.whole = number->numerator;
  scanner->SkipSpaces();
  bool found = TakeFraction(scanner, &mixed) && !mixed.negative;
  if (!found && scanner->position() > before) {
    const std::optional<Decimal> numerator = TakeDecimal(scanner);
    if (numerator) mixed.denominator = TakeSlash(scanner);
    if (mixed.denominator) mixed.numerator = *numerator;
    found = mixed.denominator.has_value();
  }
  if (found) {
    *number = std::move(mixed);
  } else {
    scanner->set_position(before);
  }
}

std::optional<Number> TakeUnsigned(Scanner* scanner) {
  Number number;
  if (TakeFraction(scanner, &number)) return number;
  std::optional<Decimal> first = TakeDecimal(scanner);
  if (!first) return std::nullopt;
  number.numerator = *std::move(first);
  number.denominator = TakeSlash(scanner);
  if (!number.denominator) TakeMixed(scanner, &number);
  return number;
}

using Integer = unsigned __int128;

std::string ToText(Integer value) {
  std::string text;
  for (; value > 0; value /= 10) text += char('0' + int(value % 10));
  std::reverse(text.begin(), text.end());
  return text.empty() ? "0" : text;
}

std::string ToText(const Decimal& decimal) {
  const std::string whole = decimal.whole.empty() ? "0" : decimal.whole;
  return decimal.part.empty() ? whole : whole + "." + decimal.part;
}

// decimal * 10^shift, if that is a whole number of at most 18 digits.
std::optional<Integer> Scaled(const Decimal& decimal, size_t shift) {
  std::string digits = decimal.whole + decimal.part;
  digits.append(shift - decimal.part.size(), '0');
  if (digits.size() > kMaxFractionDigits) return std::nullopt;
  Integer value = 0;
  for (const char digit : digits) value = value * 10 + Integer(digit - '0');
  return value;
}

Integer GreatestDivisor(Integer a, Integer b) {
  while (b != 0) a = std::exchange(b, a % b);
  return a;
}

bool HasFiniteDecimal(Integer denominator) {
  for (const unsigned prime : {2u, 5u}) {
    while (denominator % prime == 0) denominator /= prime;
  }
  return denominator == 1;
}

std::string QuotientText(Integer numerator, Integer denominator) {
  const Integer divisor = GreatestDivisor(numerator, denominator);
  numerator /= divisor;
  denominator /= divisor;
  if (!HasFiniteDecimal(denominator)) return ToText(numerator) + "/" + ToText(denominator);
  std::string text = ToText(numerator / denominator);
  Integer rest = numerator % denominator;
  if (rest > 0) text += '.';
  for (; rest > 0; rest %= denominator) {
    rest *= 10;
    text += char('0' + int(rest / denominator));
  }
  return text;
}

// nullopt: divides by zero, or too many digits.
std::optional<std::string> CanonicalText(const Number& number) {
  if (!number.denominator) return ToText(number.numerator);
  const size_t shift = std::max(number.numerator.part.size(), number.denominator->part.size());
  const std::optional<Integer> numerator = Scaled(number.numerator, shift);
  const std::optional<Integer> denominator = Scaled(*number.denominator, shift);
  const std::optional<Integer> whole = Scaled(number.whole, number.whole.part.size());
  if (!numerator || !denominator || !whole || *denominator == 0) return std::nullopt;
  return QuotientText(*whole * *denominator + *numerator, *denominator);
}

}  // namespace

size_t UnsignedNumberLength(std::string_view text) {
  Scanner scanner(text);
  return TakeUnsigned(&scanner) ? scanner.position() : 0;
}

ExactNumber ReadExactNumber(std::string_view text) {
  Scanner scanner(text);
  const bool negative = scanner.Take("-");
  if (!negative) scanner.Take("+");
  scanner.SkipSpaces();
  const std::optional<Number> number = TakeUnsigned(&scanner);
  const std::optional<std::string> magnitude = number ? CanonicalText(*number) : std::nullopt;
  if (!magnitude) return {};
  const bool minus = negative != number->negative && *magnitude != "0";
  return {(minus ? "-" : "") + *magnitude, scanner.position()};
}

}  // namespace prm
