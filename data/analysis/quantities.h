// Numbers that a solution uses and that come from nowhere.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace prm {

// The numbers that a trace may use so far. A number comes from somewhere if it is in the problem or
// an earlier step, in digits or words; the result that the step states ("= 12", "is 12", "or 12");
// one of a row of three or more; a small count, a constant of everyday units (60, 24, 365, ..) or
// its inverse; one operation (+ - * /, percent, power) from two numbers known, for a step of mental
// arithmetic; or a number known, or a quotient of two, rounded or cut to the decimals shown.
// Used by one thread at a time.
class KnownQuantities {
 public:
  explicit KnownQuantities(std::string_view problem) { Learn(problem); }

  // The numbers of `step`, as written there, that come from nowhere, each once; all its numbers are
  // known afterwards. None beyond kMaxKnown known numbers, among which any number has a source.
  std::vector<std::string> Unsupported(std::string_view step);

  static constexpr size_t kMaxKnown = 60;

 private:
  void Learn(std::string_view text);
  void Add(double value);
  bool Knows(double value) const;
  bool IsOneOperationAway(double value) const;
  // `place`: what the last digit shown counts.
  bool IsRounded(double value, double place) const;

  std::unordered_set<long long> keys_;  // of known values, to nine digits
  std::vector<double> values_;
};

}  // namespace prm
