// An equation against those that the trace stated before it.
#pragma once

#include <bitset>

#include "data/algebra/equation_context.h"
#include "data/algebra/expression.h"
#include "data/math_text/sentence_cues.h"
#include "data/symbolic/candidates.h"
#include "data/symbolic/relation_sides.h"
#include "data/symbolic/step_check.h"

namespace prm {

// What a trace has stated so far.
struct TraceContext {
  EquationContext base;
  EquationContext frame;  // base and what a supposition adds, until the next one
  bool in_frame = false;
  EquationContext disputed;                       // what contradicted the context
  std::bitset<SymbolTable::kMaxSymbols> renamed;  // symbols that were given a second value
  Candidates candidates;

  // Where the step's equations go and are asked: the last frame.
  const EquationContext& current() const { return in_frame ? frame : base; }
  EquationContext& current() { return in_frame ? frame : base; }
  // From here on, what a supposition adds is apart from what is known. Where `work` has not enough
  // left for a copy, the frame starts empty.
  void StartFrame(WorkBudget* work);
  // The equations, not the candidates.
  void Forget();
};

// Addends of both sides that are not single terms.
std::vector<Polynomial> BracketsOf(const RelationSides& sides, Workspace* workspace);

// Whether the step says that an earlier one was wrong: what it corrects is not known.
bool Retracts(const TokenView& step);

// Asks the context for an equation that is no identity, and adds it where the sentence claims it.
// Throws WorkBudget::Exceeded.
void CheckInContext(const RelationSides& sides, Equation equation, Workspace* workspace,
                    TraceContext* context, RelationCheck* check);

}  // namespace prm
