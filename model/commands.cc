#include "model/commands.h"

namespace prm {
void AddModelCommands(CLI::App&) {}
}  // namespace prm
