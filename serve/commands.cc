// prm serve, prm ask, prm load
#include "serve/commands.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "data/records/rerank_file.h"
#include "data/records/score_output.h"
#include "data/records/trace_reader.h"
#include "model/commands.h"
#include "model/step_scorer.h"
#include "serve/client/client.h"
#include "serve/client/client_options.h"
#include "serve/client/session_client.h"
#include "serve/load/load_run.h"
#include "serve/service/server.h"

namespace prm {
namespace {

struct ServeOptions {
  std::string model;
  ScorerOptions scorer;
  ServerOptions server;
};

void RunServe(const ServeOptions& options) {
  ServeUntilStopped(options.server, LoadStepScorers(options.model, options.scorer));
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
  number("--max-streams", s.stream.max_streams,
         "Streams at once, of which a client holds no more than it leaves free; more: "
         "RESOURCE_EXHAUSTED");
  number("--max-sessions", s.stream.max_sessions, "Sessions of all streams; of a client as above");
  number("--max-stream-sessions", s.stream.max_stream_sessions, "Sessions of one stream");
  number("--max-unanswered", s.stream.max_unanswered,
         "Requests and replies of one stream that wait; more are not read");
  number("--stalled-seconds", s.stream.stalled_seconds,
         "When a stream is cut whose client does not read");
  number("--session-idle-seconds", s.stream.session_idle_seconds,
         "When a session without requests is closed");
  number("--stream-idle-seconds", s.stream.stream_idle_seconds,
         "When a stream without sessions and requests is ended");
  number("--max-buffered-bytes", s.shared.max_buffered_bytes,
         "Of requests without an answer and of sessions, in all; as much again may be on its way "
         "in; more: RESOURCE_EXHAUSTED");
  serve->add_flag("--trust-client-id", s.shared.trust_client_id,
                  "A client is who its calls' metadata client-id says, not their address: for a "
                  "proxy in front that sets it");
  number("--text-threads", s.text_threads, "Threads that parse and tokenise calls");
  number("--waiting-calls", s.shared.max_waiting_calls, "Calls that may wait for those threads");
  number("--drain-seconds", s.drain_seconds, "How long SIGTERM waits for accepted calls");
  number("--max-connections", s.max_connections, "Connections at once; more are closed");
  number("--connection-idle-seconds", s.connection_idle_seconds,
         "When a connection without calls is closed");
  serve
      ->add_option("--watchdog-seconds", s.watchdog_seconds,
                   "Between calls of its own health over the wire; three in vain: exit 1; 0: never")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  AddScorerFlags(serve, &o->scorer);
  serve->get_option("--device")
      ->description(
          "As elsewhere, or a list with a worker for each: cuda:0,cuda:1; cpu,cpu shares the "
          "cores");
  serve->get_option("--threads")->description("Of each worker on CPUs; 0: all cores, shared");
  serve->callback([o] { RunServe(*o); });
}

struct AskOptions {
  std::string in = "-", out = "-";
  bool stream = false;
  ClientOptions client;
};

template <class Client>
void Ask(const AskOptions& options) {
  CheckOutputs({options.in}, {options.out});
  TraceReader reader(options.in);
  ScoreOutput out(options.out);
  Client client(options.client, [&](const ScoreLine& line) { out.Write(line); });
  for (Trace trace; reader.Next(&trace);) client.Add(trace);
  client.Flush();
  out.Finish();
}

void RunAsk(const AskOptions& options) {
  options.stream ? Ask<StreamedScoring>(options) : Ask<ScoringClient>(options);
}

void AddAskCommand(CLI::App& app) {
  auto o = std::make_shared<AskOptions>();
  CLI::App* ask = app.add_subcommand("ask", "Have a server score the traces of a file");
  ask->add_option("--server", o->client.server, "host:port")->capture_default_str();
  ask->add_option("--in", o->in, "Native trace file; - is standard input")->capture_default_str();
  ask->add_option("--out", o->out, "Where score lines go; - is standard output")
      ->capture_default_str();
  ask->add_flag("--stream", o->stream,
                "Step by step, as a generator asks: a session a trace, --traces-per-call at once "
                "on one stream");
  ask->add_option("--traces-per-call", o->client.traces_per_call, "Traces of one call")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  AddClientFlags(ask, &o->client);
  ask->callback([o] { RunAsk(*o); });
}

struct LoadCommandOptions {
  LoadOptions load;
  std::string in, problems, json, mix = "trace=1";
};

template <class T, class Reader>
std::vector<T> ReadAll(const std::string& path) {
  std::vector<T> all;
  if (path.empty()) return all;
  Reader reader(path);
  for (T one; reader.Next(&one); one = {}) all.push_back(std::move(one));
  return all;
}

void RunLoadCommand(LoadCommandOptions options) {
  CheckOutputs({options.in, options.problems}, {options.json});
  options.load.mix = ParseLoadMix(options.mix);
  const LoadReport report =
      RunLoad(options.load, {ReadAll<Trace, TraceReader>(options.in),
                             ReadAll<RerankProblem, RerankReader>(options.problems)});
  std::cout << FormatLoadTable(report) << std::flush;
  if (options.json.empty()) return;
  OutputFile file(options.json);
  file.Write(LoadReportToJson(report) + "\n");
  file.Commit();
}

void AddLoadCommand(CLI::App& app) {
  auto o = std::make_shared<LoadCommandOptions>();
  LoadOptions& l = o->load;
  CLI::App* load = app.add_subcommand("load", "Send load to a server and time its answers");
  const auto number = [&](const char* flag, auto& value, const char* help) {
    load->add_option(flag, value, help)->capture_default_str()->check(CLI::NonNegativeNumber);
  };
  load->add_option("--server", l.server, "host:port")->capture_default_str();
  load->add_option("--in", o->in, "Native trace file; its traces are sent over and over");
  load->add_option("--problems", o->problems, "Rerank file; its problems too");
  load->add_option("--mix", o->mix,
                   "kind=weight,.. of trace and rerank calls, and of appended steps")
      ->capture_default_str();
  number("--rate", l.rate, "Calls a second, at random times; 0: --outstanding calls at all times");
  number("--seconds", l.seconds, "How long calls are sent");
  number("--warmup", l.warmup_seconds,
         "How long calls are sent before that, which do not count, when all sessions are open");
  number("--calls", l.max_calls, "How many calls at most; 0: no limit");
  load->add_option("--outstanding", l.max_outstanding, "Calls under way at most")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  load->add_option("--sessions", l.sessions, "Traces of --in that grow by steps at once")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  load->add_option("--connections", l.connections, "Connections to the server")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  load->add_option("--timeout", l.timeout_seconds, "Seconds that one call may take")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  load->add_option("--seed", l.seed, "Of the random times and kinds")->capture_default_str();
  load->add_option("--served-model", l.model,
                   "Name of the model that is asked for; default: the only one that the server has");
  load->add_flag("--route-by-problem", l.route_by_problem, "Name each call's problem for a proxy");
  load->add_option("--json", o->json, "Where the report goes as JSON too; - is standard output");
  load->callback([o] { RunLoadCommand(*o); });
}

}  // namespace

void AddClientFlags(CLI::App* app, ClientOptions* client) {
  const auto number = [&](const char* flag, int& value, const char* help) {
    app->add_option(flag, value, help)->capture_default_str()->check(CLI::PositiveNumber);
  };
  number("--calls", client->calls_in_flight, "Calls at once");
  number("--attempts", client->attempts, "Of one call while the server is not there or full");
  number("--timeout", client->timeout_seconds, "Seconds that one attempt may take");
  app->add_option("--served-model", client->model,
                  "Name of the model that is asked for; default: the only one that the server has");
  app->add_option(
      "--client-id", client->client_id,
      "Whose calls these are, for a server that trusts it (--trust-client-id); else the "
      "address says so");
  app->add_flag("--route-by-problem", client->route_by_problem,
                "A problem a call, named for a proxy before several servers");
}

void AddServeCommands(CLI::App& app) {
  AddServeCommand(app);
  AddAskCommand(app);
  AddRerankCommand(app);
  AddLoadCommand(app);
}

}  // namespace prm
