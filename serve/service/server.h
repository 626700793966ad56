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
  kDeaf,        // new connections get no answer; Drain might not return
};

struct ServerOptions {
  std::string listen = "127.0.0.1:50051";  // port 0: any free one
  std::string metrics;                     // host:port of /metrics; empty: none
  std::string log_level = "info";
  CallLimits limits;
  SharedLimits shared;
  StreamLimits stream;
  BatchLimits batch;
  int64_t max_queue_traces = 8192;
  int64_t max_queue_tokens = int64_t{4} << 20;
  int text_threads = 2;    // threads that parse and tokenise requests
  int drain_seconds = 30;  // how long Drain waits for accepted calls

  int max_connections = 4096;          // fewer if the process may not open the descriptors
  int connection_idle_seconds = 3600;  // a connection without calls is closed after this time
  int watchdog_seconds = 10;           // between the watchdog's health calls; 0: no watchdog
  // Called once, when the server can no longer serve; failure() returns the reason. Runs on a
  // server thread, so it must not drain or destroy the server. May be empty.
  std::function<void(ServerFailure)> on_failure;
};

// Listens from construction to Drain. All methods may be called from any thread; concurrent Drains
// are allowed.
class Server {
 public:
  // `scorers` hold the same model; each gets a worker thread. Throws Error(kFailedPrecondition) if
  // it cannot listen (port in use, address not of this machine), Error(kInvalidArgument) if there
  // are no scorers or no call could meet the limits.
  Server(const ServerOptions& options, std::vector<std::unique_ptr<StepScorer>> scorers);
  Server(const ServerOptions& options, std::unique_ptr<StepScorer> scorer);
  // Calls Drain.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // "127.0.0.1:50051" with the port that was bound.
  const std::string& address() const;

  // Sets health to NOT_SERVING, refuses new calls with UNAVAILABLE, finishes accepted calls and
  // stream requests (at most drain_seconds), then closes the port. Returns false if calls were
  // dropped.
  bool Drain();

  // Why the server can no longer serve; nullopt: it can.
  std::optional<std::string> failure() const;

  // The page /metrics, with the current queue.
  std::string MetricsText() const;
  // host:port of the page /metrics; empty: none.
  std::string metrics_address() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Serves until SIGTERM or SIGINT, then drains. Throws Error if calls were dropped or a scorer's
// device was lost. Exits the process with 1 if the server has become deaf.
void ServeUntilStopped(ServerOptions options, std::vector<std::unique_ptr<StepScorer>> scorers);

}  // namespace prm
