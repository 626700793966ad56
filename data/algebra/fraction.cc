#include "data/algebra/fraction.h"

#include <flint/fmpz.h>

#include "data/text/ascii.h"

namespace prm {
namespace {

constexpr size_t kMaxShownDigits = 60;

// log2(10) is below 3.33, so this many digits stay below kMaxBits.
constexpr size_t kMaxDigits = Fraction::kMaxBits * 100 / 333;

std::string WholeToText(const fmpz* value) {
  const size_t digits = fmpz_sizeinbase(value, 10);
  std::string text(digits + 2, '\0');
  fmpz_get_str(text.data(), 10, value);
  text.resize(text.find('\0'));
  const size_t sign = text.starts_with('-') ? 1 : 0;
  if (text.size() - sign <= kMaxShownDigits) return text;
  const std::string count = std::to_string(text.size() - sign);
  return text.substr(0, sign + kMaxShownDigits / 2) + "..(" + count + " digits)";
}

}  // namespace

bool Fraction::SetDecimal(std::string_view digits) {
  constexpr int kDigitsOfWord = 18;
  uint64_t small = 0;
  int taken = 0;
  int64_t decimals = 0;
  bool after_point = false;
  for (const char c : digits) {
    if (c == '.') after_point = true;
    if (!IsDigit(c)) continue;
    small = small * 10 + uint64_t(c - '0');
    decimals += after_point;
    if (++taken > kDigitsOfWord) break;
  }
  if (taken <= kDigitsOfWord) {
    uint64_t den = 1;
    for (int64_t i = 0; i < decimals; ++i) den *= 10;
    fmpq_set_si(value_, int64_t(small), den);
    return true;
  }
  std::string plain;
  decimals = 0;
  after_point = false;
  for (const char c : digits) {
    if (c == '.') after_point = true;
    if (!IsDigit(c)) continue;
    plain.push_back(c);
    decimals += after_point;
    if (plain.size() > kMaxDigits) return false;
  }
  fmpz_set_str(fmpq_numref(value_), plain.c_str(), 10);
  fmpz_one(fmpq_denref(value_));
  *this = *this * PowerOfTen(-decimals);
  return true;
}

bool Fraction::AsInteger(int64_t low, int64_t high, int64_t* out) const {
  if (!IsInteger() || !fmpz_fits_si(fmpq_numref(value_))) return false;
  const int64_t whole = fmpz_get_si(fmpq_numref(value_));
  if (whole < low || whole > high) return false;
  *out = whole;
  return true;
}

std::string Fraction::ToText() const {
  if (IsInteger() && fmpz_fits_si(fmpq_numref(value_))) {
    return std::to_string(fmpz_get_si(fmpq_numref(value_)));
  }
  const std::string num = WholeToText(fmpq_numref(value_));
  return IsInteger() ? num : num + "/" + WholeToText(fmpq_denref(value_));
}

Fraction PowerOfTen(int64_t exponent) { return Fraction(10).Power(exponent); }

}  // namespace prm
