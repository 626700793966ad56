// Compares two expressions without variables: equal, rounded, or unequal under every reading.
#pragma once

#include "data/symbolic/closed_result.h"
#include "data/symbolic/relation_sides.h"

namespace prm {

// `sides` must be Parsed() and have no symbols. Throws WorkBudget::Exceeded.
ClosedResult CheckClosed(const RelationSides& sides, bool describe, Workspace* workspace);

}  // namespace prm
