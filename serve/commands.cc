#include "serve/commands.h"

namespace prm {
void AddServeCommands(CLI::App&) {}
}  // namespace prm
