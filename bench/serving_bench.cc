// What do gRPC, parsing, tokenising and batching cost, without a model? Each iteration is one
// request to a server in this process and its answer. LoneAppend: a step on a stream. LoneCall: a
// trace of half as many steps. Describe: a call without scores, which is gRPC's own cost.
// FakeScorer's own time is that of a hash over the trace.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "serve/client/client_options.h"
#include "serve/client/connection.h"
#include "serve/client/session_client.h"
#include "serve/service/server.h"
#include "serve/wire/codec.h"
#include "tests/serve/fake_scorer.h"

namespace prm::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kSteps = 32;  // per trace
const std::string kStep(32, 'x');

// Times f and keeps quantiles, which a mean over iterations hides.
class Latencies {
 public:
  template <class F>
  void Time(const F& f) {
    const auto start = Clock::now();
    f();
    us_.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  void Report(benchmark::State& state) {
    std::sort(us_.begin(), us_.end());
    for (const auto& [name, q] : {std::pair("p50_us", 0.5), {"p95_us", 0.95}, {"p99_us", 0.99}}) {
      state.counters[name] = us_[size_t(q * double(us_.size() - 1))];
    }
  }

 private:
  std::vector<double> us_;
};

ServerOptions Options() {
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.log_level = "off";
  return options;
}

void LoneAppend(benchmark::State& state) {
  Server server(Options(), std::make_unique<FakeScorer>());
  ClientOptions to;
  to.server = server.address();
  SessionClient client(to);
  client.Open("s", SessionOptions{"problem", {}, ""});
  Latencies latencies;
  int steps = 0;
  for (auto _ : state) {
    if (steps++ == kSteps) {
      client.RollBack("s", 0);
      steps = 1;
    }
    latencies.Time([&] { client.Append("s", kStep); });
  }
  latencies.Report(state);
}

void LoneCall(benchmark::State& state) {
  Server server(Options(), std::make_unique<FakeScorer>());
  const auto stub = v1::ScoringService::NewStub(OpenChannel(server.address()));
  Trace trace;
  trace.problem = "problem";
  trace.steps.resize(kSteps / 2);
  for (Step& step : trace.steps) step.text = kStep;
  v1::ScoreTracesRequest request;
  ToMessage(trace, request.add_traces());
  Latencies latencies;
  for (auto _ : state) {
    latencies.Time([&] {
      grpc::ClientContext context;
      v1::ScoreTracesResponse response;
      if (!stub->ScoreTraces(&context, request, &response).ok()) state.SkipWithError("refused");
    });
  }
  latencies.Report(state);
}

void Describe(benchmark::State& state) {
  Server server(Options(), std::make_unique<FakeScorer>());
  const auto stub = v1::ScoringService::NewStub(OpenChannel(server.address()));
  Latencies latencies;
  for (auto _ : state) {
    latencies.Time([&] {
      grpc::ClientContext context;
      v1::DescribeModelResponse response;
      if (!stub->DescribeModel(&context, {}, &response).ok()) state.SkipWithError("refused");
    });
  }
  latencies.Report(state);
}

BENCHMARK(LoneAppend)->UseRealTime();
BENCHMARK(LoneCall)->UseRealTime();
BENCHMARK(Describe)->UseRealTime();

}  // namespace
}  // namespace prm::bench

BENCHMARK_MAIN();
