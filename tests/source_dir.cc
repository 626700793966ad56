#include "tests/source_dir.h"

namespace prm {

std::filesystem::path SourceDir() { return PRM_SOURCE_DIR; }

}  // namespace prm
