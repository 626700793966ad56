// Prose with mathematics in it as tokens.
#pragma once

#include <string_view>
#include <vector>

#include "data/math_text/math_token.h"

namespace prm {

// Replaces *tokens by those of `text`, any bytes; `text` is below 4 GiB. A calculator mark
// <<a=b>> stands behind all others, as a region of its own. Linear in the text.
void LexMath(std::string_view text, std::vector<MathToken>* tokens);

}  // namespace prm
