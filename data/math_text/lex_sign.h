// Signs: operators, relations, brackets, delimiters, and what is no ASCII.
#pragma once

#include "data/math_text/math_cursor.h"

namespace prm {

// Whether a sign and no letter starts `ahead` of the cursor, beyond ASCII.
bool StartsSign(const MathCursor& cursor, size_t ahead);

// Reads the ASCII sign at the cursor.
void LexSign(MathCursor* cursor);
// Reads what starts at the cursor with a byte beyond ASCII.
void LexBeyondAscii(MathCursor* cursor);

}  // namespace prm
