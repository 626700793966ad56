// The tag after each step in Math-Shepherd and similar formats.
#pragma once

#include <string_view>

namespace prm {

// Cyrillic, in UTF-8.
inline constexpr std::string_view kStepTag = "\u043a\u0438";

}  // namespace prm
