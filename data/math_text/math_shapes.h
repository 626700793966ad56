// The extent of what a lexer of mathematics reads as one: numbers, subscripts, regions, markers.
#pragma once

#include <cstddef>
#include <string_view>

namespace prm {

// Digits with thousands separators that `text` starts with: 1,200, 1{,}200. *odd is set where
// commas stand otherwise, as in 1,5 or 1,2,3: a decimal comma or a list.
size_t DigitGroupsLength(std::string_view text, bool* odd);

// Whether "st", "nd", "rd" or "th" stands at the start of `text` as a word's end.
bool IsOrdinalSuffix(std::string_view text);

// ":50" and ":57:58" behind a number; 0 if none.
size_t ClockTailLength(std::string_view text);

// _1, _a, _{n+1} at the start of `text`; 0 if none.
size_t SubscriptLength(std::string_view text);

// "1. ", "2) ", "- ", "* ", "Step 3: " and heading marks at the start of a line; 0 if none.
size_t ListMarkerLength(std::string_view line);

// <<a=b>> at the start of `text`, on one line and of 400 bytes at most; 0 if none.
size_t CalculatorMarkLength(std::string_view text);

// Whether the $ that `text` starts with is a math delimiter and no currency: text follows at once,
// and before a closing $ that follows text at once, is not followed by a digit and leaves no prose
// between. Looks at 1000 bytes. Source: the rule of Pandoc's tex_math_dollars.
bool OpensMathRegion(std::string_view text);

}  // namespace prm
