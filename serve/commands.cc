// prm serve, prm ask, prm load
#include "serve/commands.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <limits>
#include <memory>

#include "data/command_flags.h"
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
  CLI::App* serve = app.add_subcommand("serve", "Serves step scores over gRPC until SIGTERM.");
  serve->group("Serving");
  const auto number = [&](const char* flag, auto& value, const char* help) {
    using Number = std::remove_reference_t<decltype(value)>;
    AddNumber(serve, flag, value, 1, std::numeric_limits<Number>::max(), help);
  };
  serve->add_option("--model", o->model, "Checkpoint folder")->required();
  serve->add_option("--listen", s.listen, "host:port; port 0: any free one")->capture_default_str();
  serve->add_option("--metrics", s.metrics, "host:port of Prometheus' /metrics; empty: none");
  AddWord(serve, "--log-level", s.log_level, {"trace", "debug", "info", "warning", "error", "off"},
          "Least level that is logged; debug: also batches");
  number("--batch-tokens", s.batch.max_tokens, "Tokens computed in one batch");
  number("--batch-traces", s.batch.max_traces, "Traces in one batch");
  AddNumber(serve, "--chunk-tokens", s.batch.chunk_tokens, 0, 1'000'000'000,
            "Tokens of one trace in one batch, if prefixes are reused; 0: no limit");
  serve
      ->add_option_function<int>(
          "--aging-ms", [&s](int ms) { s.batch.aging = std::chrono::milliseconds(ms); },
          "Time of waiting that raises the priority by one")
      ->default_str(std::to_string(s.batch.aging.count()))
      ->check(NumberRange<int>{1, 1'000'000}, "[1 - 1000000]");
  number("--queue-traces", s.max_queue_traces, "Traces that may wait; more: RESOURCE_EXHAUSTED");
  number("--queue-tokens", s.max_queue_tokens, "Tokens that may wait; more: RESOURCE_EXHAUSTED");
  number("--max-traces", s.limits.max_traces, "Traces in one call");
  number("--max-steps", s.limits.max_steps, "Steps in one trace");
  number("--max-call-tokens", s.limits.max_call_tokens, "Tokens in one call");
  number("--max-message-bytes", s.limits.max_message_bytes, "Size of one call");
  number("--max-streams", s.stream.max_streams,
         "Streams at once; a client holds at most as many as it leaves free; more: "
         "RESOURCE_EXHAUSTED");
  number("--max-sessions", s.stream.max_sessions,
         "Sessions of all streams; the same rule per client");
  number("--max-stream-sessions", s.stream.max_stream_sessions, "Sessions in one stream");
  number("--max-unanswered", s.stream.max_unanswered,
         "Requests and replies that may wait in one stream; more are not read");
  number("--stalled-seconds", s.stream.stalled_seconds,
         "Time after which a stream is cut whose client does not read");
  number("--session-idle-seconds", s.stream.session_idle_seconds,
         "Time after which a session without requests is closed");
  number("--stream-idle-seconds", s.stream.stream_idle_seconds,
         "Time after which a stream without sessions and requests is ended");
  number("--max-buffered-bytes", s.shared.max_buffered_bytes,
         "Bytes of unanswered requests and of sessions, in all; as much again may be arriving; "
         "more: RESOURCE_EXHAUSTED");
  serve->add_flag(
      "--trust-client-id", s.shared.trust_client_id,
      "Identify clients by the metadata client-id of their calls, not by address: for a "
      "proxy that sets it");
  number("--text-threads", s.text_threads, "Threads that parse and tokenise calls");
  number("--waiting-calls", s.shared.max_waiting_calls, "Calls that may wait for --text-threads");
  number("--drain-seconds", s.drain_seconds, "Time that accepted calls have to end after SIGTERM");
  number("--max-connections", s.max_connections, "Connections at once; more are closed");
  number("--connection-idle-seconds", s.connection_idle_seconds,
         "Time after which a connection without calls is closed");
  AddNumber(serve, "--watchdog-seconds", s.watchdog_seconds, 0, 1'000'000,
            "Time between health checks of itself over the wire; exits with 1 after three "
            "failures; 0: none");
  AddScorerFlags(serve, &o->scorer);
  serve->remove_option(serve->get_option("--device"));
  AddDevices(serve, o->scorer.device);
  serve->get_option("--threads")->description("Per worker, on CPUs; 0: all cores, shared");
  AddExamples(serve, {"prm serve --model model --listen 127.0.0.1:50051",
                      "prm serve --model model --metrics 127.0.0.1:9464 --device cpu,cpu"});
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
  CLI::App* ask = app.add_subcommand("ask", "Has a server score traces.");
  ask->group("Serving");
  ask->add_option("--server", o->client.server, "host:port")->capture_default_str();
  AddInput(ask, o->in, "Traces");
  AddOutput(ask, o->out, "One line of scores per trace");
  ask->add_flag(
      "--stream", o->stream,
      "Step by step, as a generator asks: one session per trace, --traces-per-call at once "
      "on one stream");
  AddNumber(ask, "--traces-per-call", o->client.traces_per_call, 1, 1'000'000,
            "Traces in one call");
  AddClientFlags(ask, &o->client);
  AddExamples(ask, {"prm ask --server 127.0.0.1:50051 --in traces.jsonl --out scores.jsonl",
                    "prm ask --server 127.0.0.1:50051 --in traces.jsonl --stream"});
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
  if (options.json != "-") std::cout << FormatLoadTable(report) << std::flush;
  if (options.json.empty()) return;
  OutputFile file(options.json);
  file.Write(LoadReportToJson(report) + "\n");
  file.Commit();
}

void AddLoadCommand(CLI::App& app) {
  auto o = std::make_shared<LoadCommandOptions>();
  LoadOptions& l = o->load;
  CLI::App* load = app.add_subcommand("load", "Sends load to a server and reports its latency.");
  load->group("Serving");
  const auto number = [&](const char* flag, auto& value, const char* help) {
    using Number = std::remove_reference_t<decltype(value)>;
    AddNumber(load, flag, value, 0, Number(1'000'000'000), help);
  };
  load->add_option("--server", l.server, "host:port")->capture_default_str();
  load->add_option("--in", o->in, "Traces, sent again and again");
  load->add_option("--problems", o->problems, "Rerank file, whose problems are sent");
  load->add_option("--mix", o->mix, "Weights of the kinds of request, as trace=8,rerank=1,append=4")
      ->capture_default_str();
  number("--rate", l.rate, "Calls per second, at random times; 0: always --outstanding calls");
  number("--seconds", l.seconds, "Time that calls are sent");
  number("--warmup", l.warmup_seconds,
         "Time that calls are sent before that, once all sessions are open; not counted");
  number("--calls", l.max_calls, "Largest number of calls; 0: no limit");
  AddNumber(load, "--outstanding", l.max_outstanding, 1, 1'000'000,
            "Largest number of unanswered calls");
  AddNumber(load, "--sessions", l.sessions, 1, 1'000'000,
            "Traces that grow by steps at the same time");
  AddNumber(load, "--connections", l.connections, 1, 10'000, "Connections to the server");
  AddNumber(load, "--timeout", l.timeout_seconds, 1, 1'000'000, "Seconds that one call may take");
  load->add_option("--seed", l.seed, "Seed of the random times and kinds")->capture_default_str();
  load->add_option("--served-model", l.model,
                   "Name of the model; default: the only one of the server");
  load->add_flag("--route-by-problem", l.route_by_problem, "Name each call's problem, for a proxy");
  AddJson(load, o->json);
  AddExamples(load, {"prm load --server 127.0.0.1:50051 --in traces.jsonl --seconds 10",
                     "prm load --server 127.0.0.1:50051 --in traces.jsonl --problems rerank.jsonl "
                     "--mix trace=8,rerank=1 --rate 20 --seconds 10 --json load.json"});
  load->callback([o] { RunLoadCommand(*o); });
}

}  // namespace

void AddClientFlags(CLI::App* app, ClientOptions* client) {
  const auto number = [&](const char* flag, int& value, const char* help) {
    AddNumber(app, flag, value, 1, std::numeric_limits<int>::max(), help);
  };
  number("--calls", client->calls_in_flight, "Calls at once");
  number("--attempts", client->attempts, "Attempts per call while the server is away or full");
  number("--timeout", client->timeout_seconds, "Seconds that one attempt may take");
  app->add_option("--served-model", client->model,
                  "Name of the model; default: the only one of the server");
  app->add_option(
      "--client-id", client->client_id,
      "Whose calls these are, for a server with --trust-client-id; others go by the address");
  app->add_flag("--route-by-problem", client->route_by_problem,
                "One problem per call, named for a proxy in front of several servers");
}

void AddServeCommands(CLI::App& app) {
  AddServeCommand(app);
  AddAskCommand(app);
  AddRerankCommand(app);
  AddLoadCommand(app);
}

}  // namespace prm
