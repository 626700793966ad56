// Wrong numbers of the kind that people write.
#pragma once

#include <cstdint>
#include <optional>

#include "data/synth/expression.h"
#include "data/text/random.h"

namespace prm {

// A number as a hasty reader might put it down instead of `value`: digits swapped, a small
// distance, a wrong ten. May equal `value`.
Rational Misread(Rational value, SynthRandom* random);

// Whether `wrong` looks as a right value does: whole, positive, of a similar size, but not `right`.
bool Believable(const std::optional<Rational>& wrong, Rational right);

// What 60, 100, 1000, 24, 12 or 7 is mistaken for in a conversion; another constant as it is.
int64_t WrongConstant(int64_t constant);

}  // namespace prm
