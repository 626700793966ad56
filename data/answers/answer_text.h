// The rules of answer normalisation, one by one; see NormalizeAnswer.
#pragma once

#include <string>
#include <string_view>

namespace prm {

// Replaces LaTeX and Markdown marks that do not change an answer; collapses runs of white space
// into one space and trims the ends.
std::string StripMarks(std::string_view text);

// Whether `text` may follow a number without changing it: empty, a percent sign, or words of a
// unit. Returns false for words that make another number ("million", "or", "pm", "x").
bool IsUnit(std::string_view text);

// Applies all rules once; removing one mark may uncover another.
std::string NormalizeOnce(std::string_view text);

}  // namespace prm
