#include "data/commands.h"

namespace prm {
void AddDataCommands(CLI::App&) {}
}  // namespace prm
