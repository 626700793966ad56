// One relation of a step: arithmetic, identity, or an equation of the trace.
#pragma once

#include <string_view>
#include <vector>

#include "data/math_text/relation.h"
#include "data/math_text/sentence_cues.h"
#include "data/symbolic/context_check.h"
#include "data/symbolic/relation_sides.h"
#include "data/symbolic/step_check.h"

namespace prm {

// A step or a problem, read once.
struct ParsedStep {
  std::string_view text;
  std::vector<MathToken> tokens;
  std::vector<FoundRelation> relations;

  TokenView view() const { return {text, tokens}; }
  // The buffers are used again. False, with nothing read, for more than `most_bytes` or more
  // relations than a step may have.
  bool Read(std::string_view source, size_t most_bytes);
};

// Checks `found`, a relation of `step`; its equation joins the context. `before` is the reason of
// the step's relation before it, kNoRelation for the first. What needs more work than the step has
// left is kTooBig.
RelationCheck CheckRelation(const ParsedStep& step, const FoundRelation& found, Reason before,
                            const StepCheckOptions& options, ExpressionArena* arena,
                            Workspace* workspace, TraceContext* context);

// The equation of `found` as part of a problem, which is not checked, joins the context.
void TakeEquation(const ParsedStep& problem, const FoundRelation& found, ExpressionArena* arena,
                  Workspace* workspace, TraceContext* context);

}  // namespace prm
