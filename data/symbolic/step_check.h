// The result of checking a step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/math_text/verdict.h"

namespace prm {

// One pair of sides; a chain a = b = c gives two.
struct RelationCheck {
  Verdict verdict = Verdict::kNotChecked;
  Reason reason = Reason::kWords;
  Severity severity = Severity::kNone;
  uint32_t begin = 0;  // bytes of the step as given, [begin, end)
  uint32_t end = 0;
  std::string relation;   // "=", "~", "<", ">", "<=", ">=", "!="
  std::string left_form;  // the reading, normalised: "(x + 1)*2"; empty if none
  std::string right_form;
  std::string left_value;  // "9", "1/3", "2*x + 2", "[1.41421 +/- 4e-06]"; empty if none
  std::string right_value;
  // Elementary operations (+ - * / ^, moving a term, scaling an equation, combining two) from the
  // left to the right side, or from the context to this equation; 0: none or unknown.
  int operations = 0;

  void Decide(Verdict found, Reason why, Severity how = Severity::kNone) {
    verdict = found;
    reason = why;
    severity = how;
  }
};

struct StepCheck {
  // kRefuted if any relation is; else kArithOk if any is; else kNotChecked.
  Verdict verdict = Verdict::kNotChecked;
  Reason reason = Reason::kNoRelation;   // of the first relation with the step's verdict
  Severity severity = Severity::kNone;   // the highest of its relations
  std::vector<RelationCheck> relations;  // in order of the text
  // Whether there are relations and all are kArithOk.
  bool AllOk() const;
};

struct StepCheckOptions {
  bool describe = true;  // false: forms and values stay empty, for bulk counts
};

}  // namespace prm
