// A server with a fake scorer, for tests that need a process of its own to kill. Writes its address
// as a line; at SIGTERM drains and writes how many tokens it computed.
#include <iostream>

#include "data/stop_signal.h"
#include "serve/server.h"
#include "tests/serve/fake_scorer.h"

int main() {
  auto owned = std::make_unique<prm::FakeScorer>();
  owned->ReusePrefixes();
  const prm::FakeScorer* scorer = owned.get();
  prm::StopSignal stop;
  prm::ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.log_level = "off";
  prm::Server server(options, std::move(owned));
  std::cout << server.address() << std::endl;
  stop.Wait();
  server.Drain();
  std::cout << scorer->tokens_computed << std::endl;
}
