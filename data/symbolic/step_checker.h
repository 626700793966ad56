// Symbolic checks of mathematics steps written in prose: what can be refuted, what adds up.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

// No verdict says "correct": kArithOk only says that what was checked holds.
enum class Verdict : uint8_t { kNotChecked, kArithOk, kRefuted };
// "not_checked", "arith_ok", "refuted".
std::string_view VerdictName(Verdict verdict);

// Of a refutation. kHard: closed arithmetic or a false identity. kSoft: against the context of the
// trace; for review, never a label.
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
  kFalseIdentity,      // they are not, and the step says that it rewrites
  kFollows,            // in the linear span of the context
  kCandidateVerified,  // a tried value satisfies an equation of the context
  kContradictsContext,
  // not_checked
  kNoRelation,     // of a step: nothing that reads as a relation
  kNewEquation,    // new information about unknowns
  kNarrowing,      // has fewer roots than the equation it comes from
  kExtraneous,     // has more roots
  kLostCase,       // divides by what may vanish
  kConsistent,     // irrational values too close to tell apart, no identity proves them equal
  kWords,          // a side is not an expression
  kUncleanBorder,  // the window may not be the whole of what the writer compares
  kUnread,         // an operator, list, set, interval or notation outside the grammar
  kUnknownUnit,    // units that the table cannot compare
  kClockTime,
  kRatio,
  kModular,         // congruences and numerals in other bases
  kFunction,        // f(0), sin x, log 2
  kRemainder,       // a quotient with a remainder that is not told apart
  kTruncated,       // equal but for the digits cut off
  kRoundedOperand,  // equal within the rounding of the decimals that went in
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

// One pair of sides; a chain a = b = c gives two.
struct RelationCheck {
  Verdict verdict = Verdict::kNotChecked;
  Reason reason = Reason::kWords;
  Severity severity = Severity::kNone;
  uint32_t begin = 0;  // bytes of the step as given, [begin, end)
  uint32_t end = 0;
  std::string relation;   // "=", "~", "<", ">", "<=", ">=", "!="
  std::string left_form;  // the reading, normalised: "(x + 1)*2"; empty where none
  std::string right_form;
  std::string left_value;  // "9", "1/3", "2*x + 2", "[1.41421 +/- 4e-06]"; empty where none
  std::string right_value;
  // Elementary operations (+ - * / ^, moving a term, scaling an equation, combining two) that lead
  // from the left to the right side, or from the context to this equation; 0: none or not known.
  int operations = 0;
};

struct StepCheck {
  // kRefuted where a relation is; else kArithOk where a relation is; else kNotChecked.
  Verdict verdict = Verdict::kNotChecked;
  Reason reason = Reason::kNoRelation;   // of the first relation with the step's verdict
  Severity severity = Severity::kNone;   // the highest of its relations
  std::vector<RelationCheck> relations;  // in order of the text
  // Whether there are relations and every one is kArithOk.
  bool AllOk() const;
};

struct StepCheckOptions {
  bool describe = true;  // false: forms and values stay empty, for bulk counts
};

// Checks the steps of one trace in order, keeping the equations that earlier steps established.
// Any bytes are accepted and answered within bounded time and memory: what is too long, too deep
// or too big is kTooBig. Used by one thread at a time.
// Source: the relations are rational functions over Q; equations are compared by reduced row
// echelon form with monomials as columns, closed irrational values by ball arithmetic (Johansson
// 2017, "Arb: efficient arbitrary-precision midpoint-radius interval arithmetic", section 2).
class StepChecker {
 public:
  explicit StepChecker(std::string_view problem, const StepCheckOptions& options = {});
  ~StepChecker();
  StepChecker(StepChecker&&) noexcept;
  StepChecker& operator=(StepChecker&&) noexcept;

  // The next step; its equations join the context.
  StepCheck Check(std::string_view step);

  // As a new checker of another problem, with the buffers kept.
  void Reset(std::string_view problem);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace prm
