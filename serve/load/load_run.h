// Sends a planned load to a running server and times its answers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/records/rerank_file.h"
#include "data/trace.h"
#include "serve/load/load.h"

namespace prm {

struct LoadOptions {
  std::string server = "127.0.0.1:50051";
  double rate = 0;  // calls per second; 0: always max_outstanding calls in flight
  // Limit of calls in flight. A call above it is sent late, which its latency includes, or never if
  // the time ends first.
  int max_outstanding = 64;
  int connections = 4;
  // Calls sent in this time do not count. All sessions are opened before it, and their first traces
  // end at different times.
  double warmup_seconds = 0;
  double seconds = 10;       // in which calls are sent; all answers are awaited
  int64_t max_calls = 0;     // 0: all that fall into `seconds`
  int timeout_seconds = 60;  // per call
  uint64_t seed = 1;
  LoadMix mix{1};
  // Traces that grow at once, over one stream per connection; more if none can take a step.
  int sessions = 64;
  bool route_by_problem = false;  // as in ClientOptions
  std::string model = {};         // as in ClientOptions
};

// The work to send; each list is cycled in order. Lists of kinds in the mix must not be empty.
// `traces` serve kTrace, as a whole, and kAppend, step by step.
struct LoadWork {
  std::vector<Trace> traces;
  std::vector<RerankProblem> problems;
};

// Does not retry calls; a refusal is counted. Opens all connections before the first call. Throws
// Error(kUnavailable), which names the server, if it cannot be reached; kInvalidArgument if work
// for a kind in the mix is missing.
LoadReport RunLoad(const LoadOptions& options, const LoadWork& work);

}  // namespace prm
