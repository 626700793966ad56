// Two expressions without variables: equal, rounded, unequal under every reading.
#pragma once

#include "data/symbolic/closed_result.h"
#include "data/symbolic/relation_sides.h"

namespace prm {

// Of sides that are Parsed() and have no symbols. Throws WorkBudget::Exceeded.
ClosedResult CheckClosed(const RelationSides& sides, bool describe, Workspace* workspace);

}  // namespace prm
