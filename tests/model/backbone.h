// Where tests find the real backbone, which is not part of the project.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/source_dir.h"

namespace prm {

// PRM_BACKBONE, else the link made by scripts/setup; may not exist.
inline std::filesystem::path Backbone() {
  const char* from_env = std::getenv("PRM_BACKBONE");
  return from_env ? std::filesystem::path(from_env)
                  : SourceDir() / ".deps/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
}

}  // namespace prm

// Skips the running test with a message if the backbone is missing.
#define PRM_NEED_BACKBONE()                              \
  if (!std::filesystem::exists(::prm::Backbone()))       \
  GTEST_SKIP() << "no backbone at " << ::prm::Backbone() \
               << "; run scripts/setup or set PRM_BACKBONE"
