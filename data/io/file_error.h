// The system's reasons for a failed file operation as prm::Error.
#pragma once

#include <filesystem>
#include <string_view>

#include "data/error.h"

namespace prm {

// "a/b: cannot open: No such file or directory", with the code that fits the reason: ENOSPC, EDQUOT
// and EFBIG are kResourceExhausted.
Error FileError(std::string_view action, const std::filesystem::path& path, int errno_value);

}  // namespace prm
