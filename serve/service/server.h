// The scoring server: gRPC with health and reflection, batcher, metrics, log.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/step_scorer.h"
#include "serve/batching/batcher.h"
#include "serve/wire/call_limits.h"
#include "serve/wire/session_messages.h"

namespace prm {

enum class ServerFailure {
  kDeviceLost,  // health is NOT_SERVING, calls get UNAVAILABLE
  kDeaf,        // nobody gets an answer to a new connection: a Drain might not come to an end
};

struct ServerOptions {
  std::string listen = "127.0.0.1:50051";  // loopback unless told otherwise; port 0: any free one
  std::string metrics;                     // host:port of /metrics; empty: none
  std::string log_level = "info";
  CallLimits limits;
  SharedLimits shared;
  StreamLimits stream;
  BatchLimits batch;
  int64_t max_queue_traces = 8192;
  int64_t max_queue_tokens = int64_t{4} << 20;
  int text_threads = 2;    // that parse and tokenise requests
  int drain_seconds = 30;  // how long Drain waits for accepted calls

  int max_connections = 4096;          // fewer where the process may not have the descriptors
  int connection_idle_seconds = 3600;  // when a connection without calls is closed
  int watchdog_seconds = 10;           // between calls of its own health; 0: none
  // Called once, when the server can serve no more and failure() says why: on a thread of the
  // server's, so that it must not drain or destroy it. May be empty.
  std::function<void(ServerFailure)> on_failure;
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

  // Why it can serve no more; none: it can.
  std::optional<std::string> failure() const;

  // What /metrics would say, the queue as it is now.
  std::string MetricsText() const;
  // Of the page /metrics; empty: none.
  std::string metrics_address() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Serves until SIGTERM or SIGINT and drains. Throws Error where calls had to be dropped, and where
// a scorer's device was lost. Where the server has become deaf it ends the process with 1.
void ServeUntilStopped(ServerOptions options, std::vector<std::unique_ptr<StepScorer>> scorers);

}  // namespace prm
