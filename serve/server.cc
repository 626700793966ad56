#include "serve/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <spdlog/fmt/fmt.h>

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "serve/grpc_log.h"
#include "serve/scoring_service.h"
#include "serve/server_log.h"
#include "serve/server_metrics.h"

namespace prm {
namespace {

// For transports to send the last answers after every call is done.
constexpr std::chrono::seconds kCloseGrace{1};
// How often streams are looked after; their limits are whole seconds.
constexpr std::chrono::seconds kTickPeriod{1};

void CheckLimits(const ServerOptions& o) {
  const auto at_least = [](const char* name, int64_t value, int64_t bound) {
    if (value >= bound) return;
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("server: ", name, " is ", value, "; expected at least ", bound));
  };
  at_least("max_traces", o.limits.max_traces, 1);
  at_least("max_steps", o.limits.max_steps, 1);
  at_least("max_call_tokens", o.limits.max_call_tokens, 1);
  at_least("max_message_bytes", o.limits.max_message_bytes, 1);
  at_least("batch tokens", o.batch.max_tokens, 1);
  at_least("batch traces", o.batch.max_traces, 1);
  at_least("max_streams", o.stream.max_streams, 1);
  at_least("max_sessions", o.stream.max_sessions, 1);
  at_least("max_stream_sessions", o.stream.max_stream_sessions, 1);
  at_least("max_step_bytes", o.stream.max_step_bytes, 1);
  at_least("max_unanswered", o.stream.max_unanswered, 1);
  at_least("max_unanswered_bytes", o.stream.max_unanswered_bytes, 1);
  at_least("stalled_seconds", o.stream.stalled_seconds, 1);
  at_least("session_idle_seconds", o.stream.session_idle_seconds, 1);
  at_least("chunk tokens", o.batch.chunk_tokens, 0);
  at_least("aging in ms", o.batch.aging.count(), 1);
  at_least("text_threads", o.text_threads, 1);
  at_least("max_waiting_calls", o.max_waiting_calls, 1);
  // A call that meets its own limits must fit into an empty queue.
  at_least("max_queue_traces", o.max_queue_traces, o.limits.max_traces);
  at_least("max_queue_tokens", o.max_queue_tokens, o.limits.max_call_tokens);
}

std::vector<std::unique_ptr<StepScorer>> ListOf(std::unique_ptr<StepScorer> scorer) {
  std::vector<std::unique_ptr<StepScorer>> scorers;
  scorers.push_back(std::move(scorer));
  return scorers;
}

// Once a process: both settings act on servers that are built later.
void EnableHealthAndReflection() {
  QuietGrpcLog();
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

}  // namespace

// Members in the order of their need: each is destroyed before what it uses.
struct Server::State {
  State(const ServerOptions& o, std::vector<std::unique_ptr<StepScorer>> scorers)
      : options(o),
        log(o.log_level),
        metrics(o.metrics),
        scorer(scorers.empty() ? nullptr : scorers[0].get()),
        workers(scorers.size()),
        batcher(BatcherSettings(), std::move(scorers)),
        pool(o.text_threads, size_t(o.max_waiting_calls)),
        service({.scorer = scorer,
                 .batcher = &batcher,
                 .pool = &pool,
                 .limits = o.limits,
                 .on_call =
                     [this](const CallRecord& record) {
                       log.Call(record);
                       metrics.CountCall(record);
                       metrics.SetQueue(batcher.queue_traces(), batcher.queue_tokens());
                     },
                 .stream = o.stream,
                 .on_stream =
                     [this](const CallRecord& record) {
                       log.Call(record);
                       metrics.CountStream(record);
                     },
                 .on_step = [this](const ScoredStep& score) { metrics.CountStep(score); }}) {}

  BatcherOptions BatcherSettings() {
    BatcherOptions settings;
    settings.max_queue_traces = options.max_queue_traces;
    settings.max_queue_tokens = options.max_queue_tokens;
    settings.batch = options.batch;
    settings.on_batch = [this](const BatchReport& report) {
      log.Batch(report);
      metrics.CountBatch(report);
    };
    return settings;
  }

  void Listen();
  void TickUntil(std::stop_token stop);

  const ServerOptions options;
  ServerLog log;
  ServerMetrics metrics;
  const StepScorer* scorer;  // the batcher's first: all are of one model
  const size_t workers;
  Batcher batcher;
  ThreadPool pool;
  ScoringService service;
  std::unique_ptr<grpc::Server> server;
  std::string address;
  std::once_flag drain_once;
  bool drained_whole = true;  // written once, under drain_once
  std::jthread ticker;
};

void Server::State::TickUntil(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  while (!stopped.wait_for(lock, stop, kTickPeriod, [&] { return stop.stop_requested(); })) {
    service.Tick();
    metrics.SetSessions(service.sessions());
  }
}

void Server::State::Listen() {
  EnableHealthAndReflection();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &port);
  // Otherwise a second server on the same port would start and take half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(options.limits.max_message_bytes);
  builder.RegisterService(&service);
  server = builder.BuildAndStart();
  if (!server || port == 0) {
    throw Error(ErrorCode::kFailedPrecondition,
                StrCat("server: cannot listen on ", options.listen,
                       "; expected host:port of this machine, the port free and permitted"));
  }
  address = options.listen.substr(0, options.listen.rfind(':') + 1) + std::to_string(port);
  server->GetHealthCheckService()->SetServingStatus(v1::ScoringService::service_full_name(), true);
  ticker = std::jthread([this](std::stop_token stop) { TickUntil(stop); });
}

Server::Server(const ServerOptions& options, std::unique_ptr<StepScorer> scorer)
    : Server(options, ListOf(std::move(scorer))) {}

Server::Server(const ServerOptions& options, std::vector<std::unique_ptr<StepScorer>> scorers) {
  CheckLimits(options);
  state_ = std::make_unique<State>(options, std::move(scorers));
  state_->Listen();
  const ModelDescription& model = state_->scorer->description();
  state_->log.Info(fmt::format(
      "event=start listen={} metrics={:?} model={:?} dtype={} weights={} device={} kernels={:?} "
      "workers={}",
      state_->address, options.metrics, model.name, model.dtype, model.weights, model.device,
      model.kernels, state_->workers));
}

Server::~Server() { Drain(); }

const std::string& Server::address() const { return state_->address; }

bool Server::Drain() {
  State& s = *state_;
  std::call_once(s.drain_once, [&] {
    s.log.Info("event=drain");
    s.service.RefuseNew();
    s.server->GetHealthCheckService()->Shutdown();
    const SteadyTime give_up =
        std::chrono::steady_clock::now() + std::chrono::seconds(s.options.drain_seconds);
    s.drained_whole = s.service.AwaitAnswers(give_up);
    if (!s.drained_whole) s.log.Warning("event=drain_timeout dropped=true");
    // Past its grace Shutdown cancels what is left: those calls leave the queue at the next batch.
    s.server->Shutdown(std::chrono::system_clock::now() + kCloseGrace);
    s.batcher.Stop();
    s.server->Wait();
    s.log.Info("event=stop");
  });
  return s.drained_whole;
}

std::string Server::MetricsText() const {
  state_->metrics.SetSessions(state_->service.sessions());
  state_->metrics.SetQueue(state_->batcher.queue_traces(), state_->batcher.queue_tokens());
  return state_->metrics.Text();
}

}  // namespace prm
