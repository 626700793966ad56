// Exact rational numbers; small ones need no allocation.
#pragma once

#include <flint/fmpq.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace prm {

// A reduced fraction of any size; FLINT stores numerators and denominators below 2^62 inline.
class Fraction {
 public:
  // Limit on numerators and denominators; callers check with Bits before they multiply or raise.
  static constexpr int64_t kMaxBits = 1 << 16;

  Fraction() { fmpq_init(value_); }
  explicit Fraction(int64_t whole) {
    fmpq_init(value_);
    fmpq_set_si(value_, whole, 1);
  }
  // Requires `den` > 0.
  Fraction(int64_t num, uint64_t den) {
    fmpq_init(value_);
    fmpq_set_si(value_, num, den);
  }
  Fraction(const Fraction& other) {
    fmpq_init(value_);
    fmpq_set(value_, other.value_);
  }
  Fraction(Fraction&& other) noexcept {
    fmpq_init(value_);
    fmpq_swap(value_, other.value_);
  }
  Fraction& operator=(const Fraction& other) {
    fmpq_set(value_, other.value_);
    return *this;
  }
  Fraction& operator=(Fraction&& other) noexcept {
    fmpq_swap(value_, other.value_);
    return *this;
  }
  ~Fraction() { fmpq_clear(value_); }

  // Parses digits with at most one point, such as "12.50"; commas and spaces between digits are
  // skipped. Returns false for more digits than kMaxBits hold.
  bool SetDecimal(std::string_view digits);

  bool IsZero() const { return fmpq_is_zero(value_); }
  bool IsOne() const { return fmpq_is_one(value_); }
  bool IsInteger() const { return fmpz_is_one(fmpq_denref(value_)); }
  int Sign() const { return fmpq_sgn(value_); }
  // The larger bit length of numerator and denominator.
  int64_t Bits() const {
    const auto num = static_cast<int64_t>(fmpz_bits(fmpq_numref(value_)));
    const auto den = static_cast<int64_t>(fmpz_bits(fmpq_denref(value_)));
    return num > den ? num : den;
  }
  // Machine words of numerator and denominator, at least one each.
  int64_t Words() const { return WordsOf(fmpq_numref(value_)) + WordsOf(fmpq_denref(value_)); }
  // Whether it is a whole number from `low` to `high`; if so, sets *out.
  bool AsInteger(int64_t low, int64_t high, int64_t* out) const;

  friend Fraction operator+(const Fraction& a, const Fraction& b) {
    Fraction c;
    fmpq_add(c.value_, a.value_, b.value_);
    return c;
  }
  friend Fraction operator-(const Fraction& a, const Fraction& b) {
    Fraction c;
    fmpq_sub(c.value_, a.value_, b.value_);
    return c;
  }
  friend Fraction operator*(const Fraction& a, const Fraction& b) {
    Fraction c;
    fmpq_mul(c.value_, a.value_, b.value_);
    return c;
  }
  // Requires `b` != 0.
  friend Fraction operator/(const Fraction& a, const Fraction& b) {
    Fraction c;
    fmpq_div(c.value_, a.value_, b.value_);
    return c;
  }
  Fraction operator-() const {
    Fraction c;
    fmpq_neg(c.value_, value_);
    return c;
  }
  // A negative `exponent` requires a nonzero base.
  Fraction Power(int64_t exponent) const {
    Fraction c;
    fmpq_pow_si(c.value_, value_, exponent);
    return c;
  }
  Fraction Abs() const {
    Fraction c;
    fmpq_abs(c.value_, value_);
    return c;
  }
  // The largest whole number not greater than this.
  Fraction Floor() const {
    Fraction c;
    fmpz_fdiv_q(fmpq_numref(c.value_), fmpq_numref(value_), fmpq_denref(value_));
    return c;
  }

  friend bool operator==(const Fraction& a, const Fraction& b) {
    return fmpq_equal(a.value_, b.value_);
  }
  friend bool operator<(const Fraction& a, const Fraction& b) {
    return fmpq_cmp(a.value_, b.value_) < 0;
  }
  friend bool operator<=(const Fraction& a, const Fraction& b) { return !(b < a); }

  // "9", "-1/3"; a side of more than 60 digits is cut to "1234..(5737 digits)".
  std::string ToText() const;

  const fmpq* get() const { return value_; }
  fmpq* get() { return value_; }

 private:
  static int64_t WordsOf(const fmpz* part) {
    return COEFF_IS_MPZ(*part) ? static_cast<int64_t>(fmpz_size(part)) : 1;
  }

  fmpq_t value_;
};

// 10^exponent, exponent from -kMaxBits / 4 to kMaxBits / 4.
Fraction PowerOfTen(int64_t exponent);

}  // namespace prm
