// Where tests find real data that is not part of the project.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/source_dir.h"

namespace prm {

// PRM_SHARED_DATA, else ../shared/data beside the source tree; may not exist.
inline std::filesystem::path SharedData() {
  const char* from_env = std::getenv("PRM_SHARED_DATA");
  return from_env ? std::filesystem::path(from_env) : SourceDir() / ".." / "shared" / "data";
}

}  // namespace prm

// Skips the running test aloud when `relative` is not in the shared data.
#define PRM_NEED_SHARED_DATA(relative)                            \
  if (!std::filesystem::exists(::prm::SharedData() / (relative))) \
  GTEST_SKIP() << "no " << (::prm::SharedData() / (relative)) << "; set PRM_SHARED_DATA"
