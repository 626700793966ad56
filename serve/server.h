// The scoring server: gRPC with health and reflection, batcher, metrics, log.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "model/step_scorer.h"
#include "serve/batcher.h"
#include "serve/call_limits.h"
#include "serve/stream_messages.h"

namespace prm {

struct ServerOptions {
  std::string listen = "127.0.0.1:50051";  // loopback unless told otherwise; port 0: any free one
  std::string metrics;                     // host:port of /metrics; empty: none
  std::string log_level = "info";
  CallLimits limits;
  StreamLimits stream;
  BatchLimits batch;
  int64_t max_queue_traces = 8192;
  int64_t max_queue_tokens = int64_t{4} << 20;
  int text_threads = 2;         // that parse and tokenise requests
  int max_waiting_calls = 256;  // calls that wait to be parsed
  int drain_seconds = 30;       // how long Drain waits for accepted calls
};

// Listens from construction to Drain. All methods may be called from any thread, Drain also while
// another Drain runs.
class Server {
 public:
  // `scorers` are of one model, a worker thread each. Throws Error(kFailedPrecondition) where it
  // cannot listen (port in use, address not of this machine), Error(kInvalidArgument) for limits
  // that no call could meet and for no scorers.
  Server(const ServerOptions& options, std::vector<std::unique_ptr<StepScorer>> scorers);
  Server(const ServerOptions& options, std::unique_ptr<StepScorer> scorer);
  // Drain().
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // "127.0.0.1:50051" with the port that was bound.
  const std::string& address() const;

  // Health turns NOT_SERVING, new calls get UNAVAILABLE, accepted ones and what streams took are
  // finished (at most drain_seconds), then the port is closed. False if calls had to be dropped.
  bool Drain();

  // What /metrics would say, the queue as it is now.
  std::string MetricsText() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace prm
