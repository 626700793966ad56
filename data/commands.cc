#include "data/commands.h"

#include <CLI/CLI.hpp>

namespace prm {

void AddDataCommands(CLI::App& app) {
  AddTokenizeCommand(app);
  CLI::App* data = app.add_subcommand("data", "Makes and inspects annotated traces.");
  data->require_subcommand(1);
  AddImportCommand(*data);
  AddExportCommand(*data);
  AddAgreeCommand(*data);
  AddAnnotatorsCommand(*data);
  AddSynthCommand(*data);
}

}  // namespace prm
