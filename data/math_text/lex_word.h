// Words, names and single letters.
#pragma once

#include "data/math_text/math_cursor.h"

namespace prm {

// Reads the token that starts at the cursor with a letter.
void LexWord(MathCursor* cursor);

}  // namespace prm
