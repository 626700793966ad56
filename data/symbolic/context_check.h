// Checks an equation against those stated earlier in the trace.
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
  EquationContext frame;  // base plus what a supposition adds, until the next one
  bool in_frame = false;
  EquationContext disputed;                       // equations that contradicted the context
  std::bitset<SymbolTable::kMaxSymbols> renamed;  // symbols given a second value
  Candidates candidates;

  // The context for the step's equations: the last frame.
  const EquationContext& current() const { return in_frame ? frame : base; }
  EquationContext& current() { return in_frame ? frame : base; }
  // Starts keeping what a supposition adds apart from what is known. If `work` is too small for a
  // copy, the frame starts empty.
  void StartFrame(WorkBudget* work);
  // Forgets the equations, not the candidates.
  void Forget();
};

// Addends of both sides that are not single terms.
std::vector<Polynomial> BracketsOf(const RelationSides& sides, Workspace* workspace);

// Whether the step states that an earlier one was wrong; which one is unknown.
bool Retracts(const TokenView& step);

// Checks an equation that is not an identity in the context, and adds it if the sentence claims it.
// Throws WorkBudget::Exceeded.
void CheckInContext(const RelationSides& sides, Equation equation, Workspace* workspace,
                    TraceContext* context, RelationCheck* check);

}  // namespace prm
