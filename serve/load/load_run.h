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
  double rate = 0;  // calls a second; 0: always max_outstanding under way
  // Calls under way at most; the next is sent late, and its latency says so, or not at all where
  // the time is over first.
  int max_outstanding = 64;
  int connections = 4;
  // Of calls that are sent before those that count; sessions are opened before that, and the traces
  // that they begin with end at different times.
  double warmup_seconds = 0;
  double seconds = 10;       // in which calls are sent; all of them are awaited
  int64_t max_calls = 0;     // 0: as many as fall into `seconds`
  int timeout_seconds = 60;  // of one call
  uint64_t seed = 1;
  LoadMix mix{1};
  int sessions = 64;  // that grow at once, on a stream a connection; more where all of them wait
  bool route_by_problem = false;  // as ClientOptions says
  std::string model = {};         // likewise
};

// What is sent, each kind in order and from the start again; lists of kinds that come are not
// empty. Traces are sent whole, and grow step by step.
struct LoadWork {
  std::vector<Trace> traces;
  std::vector<RerankProblem> problems;
};

// Calls are not tried again: a refusal is counted. Every connection stands before the first call.
// Throws Error(kUnavailable) naming a server that cannot be reached, kInvalidArgument where the mix
// asks for work that is not there.
LoadReport RunLoad(const LoadOptions& options, const LoadWork& work);

}  // namespace prm
