// Commands and environments of LaTeX.
#pragma once

#include "data/math_text/math_cursor.h"

namespace prm {

// Reads the token that starts at the cursor with a backslash.
void LexLatex(MathCursor* cursor);

}  // namespace prm
