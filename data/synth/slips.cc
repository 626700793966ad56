#include "data/synth/slips.h"

#include <utility>

namespace prm {

Rational Misread(Rational value, SynthRandom* random) {
  if (!value.IsInteger()) return value + Rational{1, 1};
  const int64_t number = value.num;
  switch (random->Below(4)) {
    case 0:
      if (number > 9) {  // the last two digits change places
        return {number / 100 * 100 + number % 10 * 10 + number / 10 % 10, 1};
      }
      return {number + 2, 1};
    case 1:
      return {number + random->Between(1, 3), 1};
    case 2:
      return {number - random->Between(1, 3), 1};
    default:
      return {number > 20 ? number + 10 * random->Between(1, 2) : number + 3, 1};
  }
}

bool Believable(const std::optional<Rational>& wrong, Rational right) {
  return wrong && wrong->IsInteger() && wrong->num >= 1 && !(*wrong == right) &&
         wrong->num <= 20 * right.num + 100;
}

int64_t WrongConstant(int64_t constant) {
  constexpr std::pair<int64_t, int64_t> kConfused[] = {{60, 100}, {100, 10}, {1000, 100},
                                                       {24, 12},  {12, 10},  {7, 5}};
  for (const auto& [right, wrong] : kConfused) {
    if (constant == right) return wrong;
  }
  return constant;
}

}  // namespace prm
