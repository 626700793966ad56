// Signs: operators, relations, brackets, delimiters, and non-ASCII characters.
#pragma once

#include "data/math_text/math_cursor.h"

namespace prm {

// Whether a non-ASCII sign, not a letter, starts `ahead` bytes after the cursor.
bool StartsSign(const MathCursor& cursor, size_t ahead);

// Reads the ASCII sign at the cursor.
void LexSign(MathCursor* cursor);
// Reads the token that starts at the cursor with a non-ASCII byte.
void LexBeyondAscii(MathCursor* cursor);

}  // namespace prm
