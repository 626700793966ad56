// The prm program: joins the verbs of every folder.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <set>
#include <string>

#include "data/commands.h"
#include "data/error.h"
#include "model/commands.h"
#include "serve/commands.h"
#include "train/commands.h"

namespace {

// libgomp, whose threads LibTorch computes on, spins for milliseconds at every barrier. Where cores
// are shared that starves the very thread it waits for: training beside one busy process ran at a
// third of its speed. libgomp reads its setting while it is loaded, before main, so a verb that
// computes starts the program once more with a spin of microseconds; a user's own setting stays.
void BoundSpinning(int argc, char** argv) {
  static const std::set<std::string> kComputes = {"train",  "score",  "eval", "serve",
                                                  "rerank", "import", "check"};
  if (argc < 2 || !kComputes.count(argv[1])) return;
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  setenv("GOMP_SPINCOUNT", "20000", 0);
  std::error_code ignored;  // where this fails, slower but right
  execv(std::filesystem::read_symlink("/proc/self/exe", ignored).c_str(), argv);
}

}  // namespace

int main(int argc, char** argv) {
  BoundSpinning(argc, argv);
  CLI::App app("Trains step-level process reward models and serves step scores.", "prm");
  app.require_subcommand(1);
  prm::AddDataCommands(app);
  prm::AddModelCommands(app);
  prm::AddTrainCommands(app);
  prm::AddServeCommands(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();  // a verb that did its work and has something to say of it
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
