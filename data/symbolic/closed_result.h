// The result of comparing two numbers.
#pragma once

#include <string>

#include "data/math_text/verdict.h"

namespace prm {

// kRefuted means that every reading fails; the caller decides whether to report it (borders,
// questions, negations).
struct ClosedResult {
  Verdict verdict = Verdict::kNotChecked;
  Reason reason = Reason::kUnread;
  std::string left_value;  // set if `describe`
  std::string right_value;
  // Both values are between 0 and 1 and the left is a sum, difference or product: they may be
  // shares of the same thing.
  bool may_be_shares = false;
};

}  // namespace prm
