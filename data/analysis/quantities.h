// Numbers in a solution that have no source.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace prm {

// The numbers that a trace may use so far. A number has a source if it is one of these: in the
// problem or an earlier step, in digits or words; the result that the step states ("= 12", "is 12",
// "or 12"); in a row of three or more; a small count, a constant of everyday units (60, 24, 365,
// ..) or its inverse; one operation (+ - * /, percent, power) on two known numbers, for a step of
// mental arithmetic; or a known number, or a quotient of two, rounded or cut to the decimals shown.
// Used by one thread at a time.
class KnownQuantities {
 public:
  explicit KnownQuantities(std::string_view problem) { Learn(problem); }

  // The numbers of `step` without a source, as written, each once; afterwards all its numbers are
  // known. Empty beyond kMaxKnown known numbers, when any number would have a source.
  std::vector<std::string> Unsupported(std::string_view step);

  static constexpr size_t kMaxKnown = 60;

 private:
  void Learn(std::string_view text);
  void Add(double value);
  bool Knows(double value) const;
  bool IsOneOperationAway(double value) const;
  // `place`: the value of the last digit shown.
  bool IsRounded(double value, double place) const;

  std::unordered_set<long long> keys_;  // known values, to nine digits
  std::vector<double> values_;
};

}  // namespace prm
