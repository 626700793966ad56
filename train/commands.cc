#include "train/commands.h"

namespace prm {

void AddTrainCommands(CLI::App& app) {
  AddTrainCommand(app);
  AddEvalCommand(app);
}

}  // namespace prm
