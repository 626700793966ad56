// A canonical form for texts that differ only in spelling: exact duplicates share it.
#pragma once

#include <string>
#include <string_view>

namespace prm {

// NormalText plus the marks it drops although they may change the meaning: exponents and indices
// (2³ is 2^3, not 23; x₁ is x_1), factorials and != (n!, a != b), primes, feet and inches (5', 5"),
// ratios and times (2:3), dots standing for terms (1, 2, ..., 9), $ before an amount, ~ before a
// statement, bold symbols, the case of one-letter symbols and of a unit's M (N and n, 5 MW and 5
// mW), and the comma of a pair (1,200). If a mark is ambiguous, texts with and without it stay
// different. Linear. Safe from any thread.
std::string ExactText(std::string_view text);

// Whether a word of ExactText is a sign that carries meaning, rather than digits or letters.
bool IsSign(std::string_view word);

}  // namespace prm
