// Splits prose with mathematics into tokens.
#pragma once

#include <string_view>
#include <vector>

#include "data/math_text/math_token.h"

namespace prm {

// Replaces *tokens by those of `text`, which may hold any bytes and is below 4 GiB. Calculator
// marks <<a=b>> come after all other tokens, each as a region. Linear in the text.
void LexMath(std::string_view text, std::vector<MathToken>* tokens);

}  // namespace prm
