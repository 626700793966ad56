// The rules of answer normalisation, one by one; see NormalizeAnswer.
#pragma once

#include <string>
#include <string_view>

namespace prm {

// Replaces marks of LaTeX and Markdown that do not change what an answer is; runs of white space
// become one space, none at the ends.
std::string StripMarks(std::string_view text);

// What may follow a number without changing what it is: nothing, a percent sign, words of a unit.
// Words that make another number of it ("million", "or", "pm", "x") are none.
bool IsUnit(std::string_view text);

// All rules once; a removed mark may uncover another.
std::string NormalizeOnce(std::string_view text);

}  // namespace prm
