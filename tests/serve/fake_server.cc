// A server with a fake scorer, for tests that need a separate process to kill. Prints its address
// as a line; on SIGTERM drains and prints how many tokens it computed. With an argument N its
// device is lost at the Nth batch.
#include <cstdlib>
#include <iostream>

#include "data/io/stop_signal.h"
#include "serve/service/server.h"
#include "tests/serve/fake_scorer.h"

namespace {

prm::ServerOptions Options() {
  prm::ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.log_level = "off";
  return options;
}

int ServeUntilTheDeviceIsLost(int batches) {
  auto scorer = std::make_unique<prm::FakeScorer>();
  scorer->on_score = [batches](auto) mutable {
    if (--batches == 0) throw prm::DeviceLost("CUDA error: an illegal memory access");
  };
  prm::ServerOptions options = Options();
  options.log_level = "info";
  try {
    prm::ServeUntilStopped(options, prm::OneScorer(std::move(scorer)));
  } catch (const prm::Error& error) {
    std::cerr << "prm: " << error.what() << "\n";
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return ServeUntilTheDeviceIsLost(std::atoi(argv[1]));
  auto owned = std::make_unique<prm::FakeScorer>();
  owned->ReusePrefixes();
  const prm::FakeScorer* scorer = owned.get();
  prm::StopSignal stop;
  prm::Server server(Options(), std::move(owned));
  std::cout << server.address() << std::endl;
  stop.Wait();
  server.Drain();
  std::cout << scorer->tokens_computed << std::endl;
}
