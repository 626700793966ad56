// What comparing two numbers found.
#pragma once

#include <string>

#include "data/math_text/verdict.h"

namespace prm {

// kRefuted says that every reading fails; whether that may be said is the caller's matter (borders,
// questions, negations).
struct ClosedResult {
  Verdict verdict = Verdict::kNotChecked;
  Reason reason = Reason::kUnread;
  std::string left_value;  // where `describe`
  std::string right_value;
  // Both values lie between 0 and 1 and the left one is a sum, a difference or a product: they may
  // be shares of the same thing.
  bool may_be_shares = false;
};

}  // namespace prm
