// Where prose relates two expressions.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "data/math_text/math_token.h"
#include "data/math_text/relation.h"

namespace prm {

// Replaces *relations by those of the text, in the order of the tokens. "equals" and "is equal to"
// in *tokens become relation signs. False, with no relations, where there are more than `most`:
// each may look at its whole sentence.
bool FindRelations(std::string_view text, size_t most, std::vector<MathToken>* tokens,
                   std::vector<FoundRelation>* relations);

}  // namespace prm
