// Wrong numbers that look like human mistakes.
#pragma once

#include <cstdint>
#include <optional>

#include "data/synth/expression.h"
#include "data/text/random.h"

namespace prm {

// A plausible misreading of `value`: digits swapped, a small difference, a wrong ten. May equal
// `value`.
Rational Misread(Rational value, SynthRandom* random);

// Whether `wrong` looks like a right value: whole, positive, of a similar size, but not `right`.
bool Believable(const std::optional<Rational>& wrong, Rational right);

// What 60, 100, 1000, 24, 12 or 7 is mistaken for in a conversion; other constants unchanged.
int64_t WrongConstant(int64_t constant);

}  // namespace prm
