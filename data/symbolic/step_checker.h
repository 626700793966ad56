// Symbolic checks of mathematics steps written in prose: what can be refuted, what adds up.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
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
