// Uses the installed headers and libraries of every folder, and says what it saw.
#include <prm/data/error.h>
#include <prm/data/trace.h>
#include <prm/model/commands.h>
#include <prm/serve/commands.h>
#include <prm/train/commands.h>

#include <CLI/CLI.hpp>
#include <iostream>

int main() {
  prm::Trace trace;
  trace.steps.resize(2);

  // Joining every folder's verbs links all of the libraries, LibTorch and gRPC with them.
  CLI::App app;
  prm::AddModelCommands(app);
  prm::AddTrainCommands(app);
  prm::AddServeCommands(app);
  const auto verbs = app.get_subcommands({}).size();

  const prm::Error error(prm::ErrorCode::kNotFound, prm::StrCat(trace.steps.size(), " steps"));
  std::cout << error.what() << ", verbs: " << verbs << "\n";
  return verbs > 0 && error.what() == std::string("2 steps") ? 0 : 1;
}
