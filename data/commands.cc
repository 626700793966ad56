#include "data/commands.h"

#include <CLI/CLI.hpp>

#include "data/command_flags.h"

namespace prm {

void AddDataCommands(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Makes, converts and checks annotated traces.");
  data->group("Data and models");
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
  AddTokenizeCommand(*data);
  GroupVerbs(data, {"prm data import rows.jsonl --format processbench --out traces.jsonl",
                    "prm data check traces.jsonl"});
}

}  // namespace prm
