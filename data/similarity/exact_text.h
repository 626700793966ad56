// The form of texts that are equal but for the way they are written: what exact duplicates share.
#pragma once

#include <string>
#include <string_view>

namespace prm {

// NormalText with what it leaves out although it may change what is said: exponents and indices (2³
// is 2^3, not 23; x₁ is x_1), factorials and != (n!, a != b), primes, feet and inches (5', 5"),
// ratios and times (2:3), dots that stand for terms (1, 2, ..., 9), $ before an amount, ~ before a
// statement, bold symbols, the case of symbols of one letter and of a unit's M (N and n, 5 MW and 5
// mW), and the comma of a pair (1,200). Where a mark can be read in two ways, texts with and
// without it are kept apart. Linear. Any thread.
std::string ExactText(std::string_view text);

// Whether a word of ExactText is a sign whose change changes what is said; digits and letters are
// none.
bool IsSign(std::string_view word);

}  // namespace prm
