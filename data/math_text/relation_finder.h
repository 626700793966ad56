// Finds relations between two expressions in prose.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "data/math_text/math_token.h"
#include "data/math_text/relation.h"

namespace prm {

// Replaces *relations by those of the text, in token order. "equals" and "is equal to" in *tokens
// become relation signs. Returns false, with no relations, if there are more than `most`, since
// each may scan its whole sentence.
bool FindRelations(std::string_view text, size_t most, std::vector<MathToken>* tokens,
                   std::vector<FoundRelation>* relations);

}  // namespace prm
