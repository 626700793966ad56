#include "serve/wire/diagnostics.h"

namespace prm {

std::string_view BuildVersion() { return PRM_VERSION; }

}  // namespace prm
