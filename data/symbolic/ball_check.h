// Compares two numbers, at least one irrational, by balls.
#pragma once

#include "data/symbolic/closed_result.h"
#include "data/symbolic/relation_sides.h"

namespace prm {

// `sides` must be Parsed() and have no symbols. Throws WorkBudget::Exceeded.
ClosedResult CheckBalls(const RelationSides& sides, bool describe, Workspace* workspace);

}  // namespace prm
