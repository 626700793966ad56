// The verbs of data/.
#pragma once

namespace CLI {
class App;
}

namespace prm {

// Adds every verb below to the program.
void AddDataCommands(CLI::App& app);

// Verbs under `prm data`.
void AddImportCommand(CLI::App& data);
void AddExportCommand(CLI::App& data);
void AddCheckCommand(CLI::App& data);
void AddQaCommand(CLI::App& data);
void AddVerifyCommand(CLI::App& data);
void AddDedupCommand(CLI::App& data);
void AddSplitCommand(CLI::App& data);
void AddCurateCommand(CLI::App& data);
void AddAgreeCommand(CLI::App& data);
void AddAnnotatorsCommand(CLI::App& data);
void AddSynthCommand(CLI::App& data);
void AddCorruptCommand(CLI::App& data);
void AddTokenizeCommand(CLI::App& data);

}  // namespace prm
