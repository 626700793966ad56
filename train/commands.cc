#include "train/commands.h"

namespace prm {
void AddTrainCommands(CLI::App&) {}
}  // namespace prm
