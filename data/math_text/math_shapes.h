// The extent of multi-character lexemes: numbers, subscripts, regions, markers.
#pragma once

#include <cstddef>
#include <string_view>

namespace prm {

// Length of the digits with thousands separators that `text` starts with: 1,200, 1{,}200. Sets *odd
// if commas are placed differently, as in 1,5 or 1,2,3: a decimal comma or a list.
size_t DigitGroupsLength(std::string_view text, bool* odd);

// Whether `text` starts with "st", "nd", "rd" or "th" ending a word.
bool IsOrdinalSuffix(std::string_view text);

// Length of ":50" and ":57:58" after a number; 0 if none.
size_t ClockTailLength(std::string_view text);

// Length of _1, _a, _{n+1} at the start of `text`; 0 if none.
size_t SubscriptLength(std::string_view text);

// Length of "1. ", "2) ", "- ", "* ", "Step 3: " and heading marks at a line's start; 0 if none.
size_t ListMarkerLength(std::string_view line);

// Length of <<a=b>> at the start of `text`, on one line and at most 400 bytes; 0 if none.
size_t CalculatorMarkLength(std::string_view text);

// Whether the $ at the start of `text` is a math delimiter rather than currency: text follows it
// directly, and the closing $ directly follows text, is not followed by a digit and leaves no prose
// between. Looks at 1000 bytes. Source: the rule of Pandoc's tex_math_dollars.
bool OpensMathRegion(std::string_view text);

}  // namespace prm
