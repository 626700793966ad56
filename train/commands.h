// The verbs of train/.
#pragma once

namespace CLI {
class App;
}

namespace prm {
void AddTrainCommands(CLI::App& app);
void AddTrainCommand(CLI::App& app);
void AddEvalCommand(CLI::App& app);
}  // namespace prm
