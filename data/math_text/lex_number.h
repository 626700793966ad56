// Numbers, clock times, ordinals.
#pragma once

#include "data/math_text/math_cursor.h"

namespace prm {

// Reads what starts at the cursor with a digit, or a point before one.
void LexNumber(MathCursor* cursor);

}  // namespace prm
