// The prm program: joins the verbs of every folder.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "data/commands.h"
#include "data/error.h"
#include "model/commands.h"
#include "serve/commands.h"
#include "train/commands.h"

int main(int argc, char** argv) {
  CLI::App app("Trains step-level process reward models and serves step scores.", "prm");
  app.require_subcommand(1);
  prm::AddDataCommands(app);
  prm::AddModelCommands(app);
  prm::AddTrainCommands(app);
  prm::AddServeCommands(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const prm::UsageError& error) {
    std::cerr << "prm: " << error.what() << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "prm: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
