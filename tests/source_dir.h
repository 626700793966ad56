// The root of the source tree, for tests that read files of it.
#pragma once

#include <filesystem>

namespace prm {

// Absolute. A function, not a macro for every file: the compiler cache then serves all clones.
std::filesystem::path SourceDir();

}  // namespace prm
