// Limits the calculation for one step.
#pragma once

#include <cstdint>

#include "data/algebra/fraction.h"

namespace prm {

// Bounds the time and memory of a step by its input only. Work is counted from the sizes of the
// numbers before it is done, never by a clock, so a step gets the same answer on every machine. One
// unit is about a nanosecond of one core and writes less than ten bytes.
class WorkBudget {
 public:
  // Thrown before work that exceeds the budget; caught in the check of a step's relations.
  struct Exceeded {};

  // No step of real traces needs a tenth of this.
  static constexpr int64_t kUnitsOfStep = 300'000'000;

  void Refill() { left_ = kUnitsOfStep; }
  // Throws Exceeded if fewer units are left; then nothing is spent.
  void Spend(int64_t units) {
    if (units > left_) throw Exceeded{};
    left_ -= units;
  }
  // Spends the cost of `operations` sums, products, quotients or comparisons of a and b.
  void SpendOn(const Fraction& a, const Fraction& b, int64_t operations = 1) {
    Spend(operations * OperationCost(a.Words() + b.Words()));
  }
  // Spends the cost of base^exponent; `exponent` may have any sign.
  void SpendOnPower(const Fraction& base, int64_t exponent) {
    constexpr int64_t kBitsOfWord = 64;
    Spend(OperationCost(2 + 2 * base.Bits() * (exponent < 0 ? -exponent : exponent) / kBitsOfWord));
  }
  // Cost of one operation on numbers with `words` words in total. Most of it is the greatest common
  // divisor that keeps a fraction reduced.
  static constexpr int64_t OperationCost(int64_t words) {
    constexpr int64_t kWordsOfSmall = 4;  // two fractions of one-word parts
    return words <= kWordsOfSmall ? 80 : 150 * words + words * words / 4;
  }

  int64_t left() const { return left_; }

 private:
  int64_t left_ = kUnitsOfStep;
};

}  // namespace prm
