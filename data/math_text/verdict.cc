#include "data/math_text/verdict.h"

#include <array>

namespace prm {
namespace {

constexpr std::array<std::string_view, kNumReasons> kReasonNames = {"arithmetic",
                                                                    "unit",
                                                                    "rounded",
                                                                    "percent",
                                                                    "quotient_remainder",
                                                                    "identity",
                                                                    "false_identity",
                                                                    "follows",
                                                                    "candidate_verified",
                                                                    "contradicts_context",
                                                                    "no_relation",
                                                                    "new_equation",
                                                                    "narrowing",
                                                                    "extraneous",
                                                                    "lost_case",
                                                                    "consistent",
                                                                    "words",
                                                                    "unclean_border",
                                                                    "unread",
                                                                    "unknown_unit",
                                                                    "clock_time",
                                                                    "ratio",
                                                                    "modular",
                                                                    "function",
                                                                    "remainder",
                                                                    "truncated",
                                                                    "rounded_operand",
                                                                    "question",
                                                                    "negation",
                                                                    "trial",
                                                                    "inequality",
                                                                    "undefined",
                                                                    "too_big"};

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  static constexpr std::array<std::string_view, 3> kNames = {"not_checked", "arith_ok", "refuted"};
  return kNames[size_t(verdict)];
}

std::string_view SeverityName(Severity severity) {
  static constexpr std::array<std::string_view, 3> kNames = {"none", "soft", "hard"};
  return kNames[size_t(severity)];
}

std::string_view ReasonName(Reason reason) { return kReasonNames[size_t(reason)]; }

}  // namespace prm
