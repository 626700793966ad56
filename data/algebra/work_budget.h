// How much calculation a step may ask for.
#pragma once

#include <cstdint>

#include "data/algebra/fraction.h"

namespace prm {

// Bounds the time and memory of a step by its input alone. Work is counted from the sizes of the
// numbers before it is done, never by a clock: a step has the same answer on every machine.
// A unit is about a nanosecond of one core, and writes less than ten bytes.
class WorkBudget {
 public:
  // Thrown before work that is not paid for, and caught where a step's relations are checked.
  struct Exceeded {};

  // No step of real traces needs a tenth of it.
  static constexpr int64_t kUnitsOfStep = 300'000'000;

  void Refill() { left_ = kUnitsOfStep; }
  // Throws Exceeded where less is left; then nothing is taken.
  void Spend(int64_t units) {
    if (units > left_) throw Exceeded{};
    left_ -= units;
  }
  // For `operations` sums, products, quotients or comparisons of numbers of the size of a and b.
  void SpendOn(const Fraction& a, const Fraction& b, int64_t operations = 1) {
    Spend(operations * OperationCost(a.Words() + b.Words()));
  }
  // For base^exponent, `exponent` of any sign.
  void SpendOnPower(const Fraction& base, int64_t exponent) {
    constexpr int64_t kBitsOfWord = 64;
    Spend(OperationCost(2 + 2 * base.Bits() * (exponent < 0 ? -exponent : exponent) / kBitsOfWord));
  }
  // For one of numbers that have so many words in all. Most of it is the greatest common divisor
  // that keeps a fraction reduced.
  static constexpr int64_t OperationCost(int64_t words) {
    constexpr int64_t kWordsOfSmall = 4;  // numerators and denominators of one word each
    return words <= kWordsOfSmall ? 80 : 150 * words + words * words / 4;
  }

  int64_t left() const { return left_; }

 private:
  int64_t left_ = kUnitsOfStep;
};

}  // namespace prm
