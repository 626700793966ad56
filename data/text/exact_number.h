// Numbers as people and LaTeX write them, read exactly.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace prm {

// Length in bytes of the unsigned number that `text` starts with: 12, 1,200.50, 1{,}200, .5, 2e-3,
// 3/4, 1 1/2, \frac{1}{2}, 2\frac12; 0 if none.
size_t UnsignedNumberLength(std::string_view text);

// The canonical form of the signed number that `text` starts with, and its length in bytes. Length
// 0 if there is none, it divides by zero, or a fraction has more than 18 digits per side. 1,200.50
// gives 1200.5; -0 gives 0; 3/6 gives 0.5; 2/6 gives 1/3, because no finite decimal equals it.
struct ExactNumber {
  std::string canonical;
  size_t length = 0;
};
ExactNumber ReadExactNumber(std::string_view text);

}  // namespace prm
