#include "data/commands.h"

#include <CLI/CLI.hpp>

namespace prm {

void AddDataCommands(CLI::App& app) {
  AddTokenizeCommand(app);
  CLI::App* data = app.add_subcommand("data", "Makes and inspects annotated traces.");
  data->require_subcommand(1);
  AddImportCommand(*data);
  AddExportCommand(*data);
  AddCheckCommand(*data);
  AddQaCommand(*data);
  AddVerifyCommand(*data);
  AddDedupCommand(*data);
  AddSplitCommand(*data);
  AddCurateCommand(*data);
  AddAgreeCommand(*data);
  AddAnnotatorsCommand(*data);
  AddSynthCommand(*data);
  AddCorruptCommand(*data);
}

}  // namespace prm
