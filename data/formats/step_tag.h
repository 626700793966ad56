// The tag that Math-Shepherd and its kin put behind each step.
#pragma once

#include <string_view>

namespace prm {

// Cyrillic, in UTF-8.
inline constexpr std::string_view kStepTag = "\u043a\u0438";

}  // namespace prm
