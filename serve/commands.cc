// prm serve, prm ask
#include "serve/commands.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "data/score_output.h"
#include "data/stop_signal.h"
#include "data/trace_reader.h"
#include "model/commands.h"
#include "model/step_scorer.h"
#include "serve/client.h"
#include "serve/server.h"

namespace prm {
namespace {

struct ServeOptions {
  std::string model;
  ScorerOptions scorer;
  ServerOptions server;
};

void RunServe(const ServeOptions& options) {
  auto scorer = LoadStepScorer(options.model, options.scorer);
  StopSignal stop;
  Server server(options.server, std::move(scorer));
  stop.Wait();
  if (!server.Drain()) {
    throw Error(ErrorCode::kDeadlineExceeded,
                StrCat("calls were still running after ", options.server.drain_seconds,
                       " s of draining and were dropped"));
  }
}

void AddServeCommand(CLI::App& app) {
  auto o = std::make_shared<ServeOptions>();
  ServerOptions& s = o->server;
  CLI::App* serve = app.add_subcommand("serve", "Serve step scores over gRPC until SIGTERM");
  const auto number = [&](const char* flag, auto& value, const char* help) {
    serve->add_option(flag, value, help)->capture_default_str()->check(CLI::PositiveNumber);
  };
  serve->add_option("--model", o->model, "Checkpoint folder")->required();
  serve->add_option("--listen", s.listen, "host:port; port 0: any free one")->capture_default_str();
  serve->add_option("--metrics", s.metrics, "host:port of Prometheus' /metrics; empty: none");
  serve
      ->add_option("--log-level", s.log_level,
                   "debug (also batches) | info | warning | error | off")
      ->capture_default_str();
  number("--batch-tokens", s.batch.max_tokens, "Tokens to compute in one batch");
  number("--batch-traces", s.batch.max_traces, "Traces of one batch");
  serve
      ->add_option("--chunk-tokens", s.batch.chunk_tokens,
                   "Of these, of one trace, where prefixes are reused; 0: traces stay whole")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  serve
      ->add_option_function<int>(
          "--aging-ms", [&s](int ms) { s.batch.aging = std::chrono::milliseconds(ms); },
          "Waiting this long counts as one priority higher")
      ->default_str(std::to_string(s.batch.aging.count()))
      ->check(CLI::PositiveNumber);
  number("--queue-traces", s.max_queue_traces, "Traces that may wait; more: RESOURCE_EXHAUSTED");
  number("--queue-tokens", s.max_queue_tokens, "Tokens that may wait; more: RESOURCE_EXHAUSTED");
  number("--max-traces", s.limits.max_traces, "Traces of one call");
  number("--max-steps", s.limits.max_steps, "Steps of one trace");
  number("--max-call-tokens", s.limits.max_call_tokens, "Tokens of one call");
  number("--max-message-bytes", s.limits.max_message_bytes, "Size of one call");
  number("--text-threads", s.text_threads, "Threads that parse and tokenise calls");
  number("--waiting-calls", s.max_waiting_calls, "Calls that may wait for those threads");
  number("--drain-seconds", s.drain_seconds, "How long SIGTERM waits for accepted calls");
  AddScorerFlags(serve, &o->scorer);
  serve->callback([o] { RunServe(*o); });
}

struct AskOptions {
  std::string in = "-", out = "-";
  ClientOptions client;
};

void RunAsk(const AskOptions& options) {
  TraceReader reader(options.in);
  ScoreOutput out(options.out);
  ScoringClient client(options.client,
                       [&](TraceAnswer answer) { out.Write(answer.line, answer.tokens); });
  for (Trace trace; reader.Next(&trace);) client.Add(trace);
  client.Flush();
  out.Finish();
}

void AddAskCommand(CLI::App& app) {
  auto o = std::make_shared<AskOptions>();
  CLI::App* ask = app.add_subcommand("ask", "Have a server score the traces of a file");
  ask->add_option("--server", o->client.server, "host:port")->capture_default_str();
  ask->add_option("--in", o->in, "Native trace file; - is standard input")->capture_default_str();
  ask->add_option("--out", o->out, "Where score lines go; - is standard output")
      ->capture_default_str();
  ask->add_option("--traces-per-call", o->client.traces_per_call, "Traces of one call")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  AddClientFlags(ask, &o->client);
  ask->callback([o] { RunAsk(*o); });
}

}  // namespace

void AddClientFlags(CLI::App* app, ClientOptions* client) {
  const auto number = [&](const char* flag, int& value, const char* help) {
    app->add_option(flag, value, help)->capture_default_str()->check(CLI::PositiveNumber);
  };
  number("--calls", client->calls_in_flight, "Calls at once");
  number("--attempts", client->attempts, "Of one call while the server is not there or full");
  number("--timeout", client->timeout_seconds, "Seconds that one attempt may take");
  app->add_option("--client-id", client->client_id,
                  "Whose calls these are, for the server's fairness; empty: the connection's");
  app->add_flag("--route-by-problem", client->route_by_problem,
                "A problem a call, named for a proxy before several servers");
}

void AddServeCommands(CLI::App& app) {
  AddServeCommand(app);
  AddAskCommand(app);
  AddRerankCommand(app);
}

}  // namespace prm
