// Checks one relation of a step: arithmetic, identity, or an equation of the trace.
#pragma once

#include <string_view>
#include <vector>

#include "data/math_text/relation.h"
#include "data/math_text/sentence_cues.h"
#include "data/symbolic/context_check.h"
#include "data/symbolic/relation_sides.h"
#include "data/symbolic/step_check.h"

namespace prm {

// A step or a problem, parsed once.
struct ParsedStep {
  std::string_view text;
  std::vector<MathToken> tokens;
  std::vector<FoundRelation> relations;

  TokenView view() const { return {text, tokens}; }
  // Reuses the buffers. Returns false, with nothing read, for more than `most_bytes` or more
  // relations than a step may have.
  bool Read(std::string_view source, size_t most_bytes);
};

// Checks `found`, a relation of `step`, and adds its equation to the context. `before` is the
// reason of the previous relation in the step, kNoRelation for the first. Returns kTooBig if it
// needs more work than the step has left.
RelationCheck CheckRelation(const ParsedStep& step, const FoundRelation& found, Reason before,
                            const StepCheckOptions& options, ExpressionArena* arena,
                            Workspace* workspace, TraceContext* context);

// Adds the equation of `found`, part of a problem and therefore unchecked, to the context.
void TakeEquation(const ParsedStep& problem, const FoundRelation& found, ExpressionArena* arena,
                  Workspace* workspace, TraceContext* context);

}  // namespace prm
