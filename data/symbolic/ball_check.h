// Two numbers of which one is irrational, compared by balls.
#pragma once

#include "data/symbolic/closed_result.h"
#include "data/symbolic/relation_sides.h"

namespace prm {

// Of sides that are Parsed() and have no symbols. Throws WorkBudget::Exceeded.
ClosedResult CheckBalls(const RelationSides& sides, bool describe, Workspace* workspace);

}  // namespace prm
