// Results of checking a step or a relation in it.
#pragma once

#include <cstdint>
#include <string_view>

namespace prm {

// No verdict means "correct": kArithOk only states that the checked relations hold.
enum class Verdict : uint8_t { kNotChecked, kArithOk, kRefuted };
// "not_checked", "arith_ok", "refuted".
std::string_view VerdictName(Verdict verdict);

// Severity of a refutation. kHard: closed arithmetic or a false identity. kSoft: against the
// context of the trace; for review, never a label.
enum class Severity : uint8_t { kNone, kSoft, kHard };
// "none", "soft", "hard".
std::string_view SeverityName(Severity severity);

enum class Reason : uint8_t {
  // arith_ok or refuted
  kArithmetic,         // both sides are numbers, compared exactly (balls for irrational ones)
  kUnit,               // compared through the unit table
  kRounded,            // equal to the decimals shown, or a word such as "about"
  kPercent,            // equal where a percent sign means hundredths
  kQuotientRemainder,  // 10/3 = 3 each, 1 left
  kIdentity,           // both sides are the same rational function
  kFalseIdentity,      // they are not, but the step claims to rewrite
  kFollows,            // in the linear span of the context
  kCandidateVerified,  // a tried value satisfies an equation of the context
  kContradictsContext,
  // not_checked
  kNoRelation,     // of a step: nothing that reads as a relation
  kNewEquation,    // new information about unknowns
  kNarrowing,      // has fewer roots than the equation it comes from
  kExtraneous,     // has more roots
  kLostCase,       // divides by something that may be zero
  kConsistent,     // irrational values too close to tell apart, no identity proves them equal
  kWords,          // a side is not an expression
  kUncleanBorder,  // the window may not cover all that the writer compares
  kUnread,         // an operator, list, set, interval or notation outside the grammar
  kUnknownUnit,    // units that the table cannot compare
  kClockTime,
  kRatio,
  kModular,         // congruences and numerals in other bases
  kFunction,        // f(0), sin x, log 2
  kRemainder,       // a quotient with a remainder that cannot be told apart
  kTruncated,       // equal except for truncated digits
  kRoundedOperand,  // equal within the rounding of the decimal operands
  kQuestion,
  kNegation,
  kTrial,       // a supposition that conflicts with the context
  kInequality,  // holds or fails only for some values of its unknowns
  kUndefined,   // divides by zero, or an even root of a negative number
  kTooBig,      // past the limits on length, nesting, digits, degree or terms
};
// "arithmetic", "unit", "rounded", ...
std::string_view ReasonName(Reason reason);
inline constexpr int kNumReasons = int(Reason::kTooBig) + 1;

}  // namespace prm
