// Errors of failed file operations, with the system's reason.
#pragma once

#include <filesystem>
#include <string_view>

#include "data/error.h"

namespace prm {

// "a/b: cannot open: No such file or directory", with the code matching the reason: ENOSPC, EDQUOT
// and EFBIG are kResourceExhausted.
Error FileError(std::string_view action, const std::filesystem::path& path, int errno_value);

}  // namespace prm
