// Numbers, clock times, ordinals.
#pragma once

#include "data/math_text/math_cursor.h"

namespace prm {

// Reads the token that starts at the cursor with a digit, or with a point before a digit.
void LexNumber(MathCursor* cursor);

}  // namespace prm
