#include "serve/service/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <stop_token>
#include <thread>

#include "data/io/stop_signal.h"
#include "serve/service/listener.h"
#include "serve/service/metrics_endpoint.h"
#include "serve/service/scoring_service.h"
#include "serve/service/server_log.h"
#include "serve/service/server_metrics.h"
#include "serve/service/watchdog.h"
#include "serve/service/watched_scorer.h"
#include "serve/wire/grpc_log.h"

namespace prm {
namespace {

// Time for transports to send the last answers after all calls are done.
constexpr std::chrono::seconds kCloseGrace{1};
// Period of ScoringService::Tick; stream limits are whole seconds.
constexpr std::chrono::seconds kTickPeriod{1};
constexpr int kHandshakeMs = 20'000;  // until a connection's HTTP/2 preface is complete
constexpr int kPingMs = 60'000;       // of silence before a ping
constexpr int kPingAnswerMs = 20'000;

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
  at_least("stream_idle_seconds", o.stream.stream_idle_seconds, 1);
  at_least("chunk tokens", o.batch.chunk_tokens, 0);
  at_least("aging in ms", o.batch.aging.count(), 1);
  at_least("text_threads", o.text_threads, 1);
  at_least("max_waiting_calls", o.shared.max_waiting_calls, 1);
  at_least("max_connections", o.max_connections, 1);
  at_least("connection_idle_seconds", o.connection_idle_seconds, 1);
  at_least("watchdog_seconds", o.watchdog_seconds, 0);
  // A call that meets its own limits must fit into an empty queue.
  at_least("max_queue_traces", o.max_queue_traces, o.limits.max_traces);
  at_least("max_queue_tokens", o.max_queue_tokens, o.limits.max_call_tokens);
  // A single client may hold at most half of them (Shares).
  at_least("max_buffered_bytes", o.shared.max_buffered_bytes,
           2 * int64_t{o.limits.max_message_bytes});
}

std::vector<std::unique_ptr<StepScorer>> ListOf(std::unique_ptr<StepScorer> scorer) {
  std::vector<std::unique_ptr<StepScorer>> scorers;
  scorers.push_back(std::move(scorer));
  return scorers;
}

// Once per process: both settings affect servers that are built later.
void EnableHealthAndReflection() {
  QuietGrpcLog();
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

// Bounds what gRPC holds before we see it: bytes of incoming messages (as many as we buffer; beyond
// that gRPC ends calls with RESOURCE_EXHAUSTED), and calls per connection.
void BoundReceived(grpc::ServerBuilder* builder, const ServerOptions& options) {
  constexpr int kCallsOfAConnection = 256;
  constexpr int64_t kConnectionBytes = 64 << 20;  // for the connections themselves
  builder->SetResourceQuota(
      grpc::ResourceQuota("received")
          .Resize(size_t(2 * options.shared.max_buffered_bytes + kConnectionBytes)));
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kCallsOfAConnection);
}

}  // namespace

// Order of members matters: each is destroyed before the members it uses.
struct Server::State {
  State(const ServerOptions& o, std::vector<std::unique_ptr<StepScorer>> scorers)
      : options(o),
        log(o.log_level),
        workers(scorers.size()),
        batcher(BatcherSettings(), Watched(std::move(scorers))),
        pool(o.text_threads),
        service({.scorer = scorer,
                 .batcher = &batcher,
                 .pool = &pool,
                 .limits = o.limits,
                 .shared = o.shared,
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
                 .on_step = [this](const Appended& step) { metrics.CountStep(step); }}) {}

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

  std::vector<std::unique_ptr<StepScorer>> Watched(std::vector<std::unique_ptr<StepScorer>> all) {
    for (auto& one : all) {
      one = std::make_unique<WatchedScorer>(
          std::move(one), [this](const DeviceLost& error) { LoseDevice(error.what()); });
    }
    if (!all.empty()) scorer = all[0].get();
    return all;
  }

  void Listen();
  void BuildServer();
  void TickUntil(std::stop_token stop);
  void SetGauges();
  void LoseDevice(const std::string& what);
  void Fail(ServerFailure kind, const std::string& why);

  const ServerOptions options;
  ServerLog log;
  ServerMetrics metrics;
  const StepScorer* scorer = nullptr;  // the batcher's first; all hold the same model
  const size_t workers;
  Batcher batcher;
  ThreadPool pool;
  ScoringService service;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<MetricsEndpoint> endpoint;
  std::unique_ptr<Watchdog> watchdog;
  std::mutex failure_mutex;
  std::optional<std::string> failure;  // guarded by failure_mutex
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
    SetGauges();
  }
}

void Server::State::SetGauges() {
  metrics.SetSessions(service.sessions());
  metrics.SetQueue(batcher.queue_traces(), batcher.queue_tokens());
  metrics.SetConnections(listener->connections());
}

void Server::State::LoseDevice(const std::string& what) {
  server->GetHealthCheckService()->SetServingStatus(false);
  service.RefuseNew();
  Fail(ServerFailure::kDeviceLost, what);
}

void Server::State::Fail(ServerFailure kind, const std::string& why) {
  {
    std::lock_guard lock(failure_mutex);
    if (failure) return;
    failure = why;
  }
  log.Error(
      fmt::format("event={} why={:?}", kind == ServerFailure::kDeaf ? "deaf" : "device_lost", why));
  if (options.on_failure) options.on_failure(kind);
}

// The Listener accepts instead of gRPC: gRPC 1.51 never calls accept(2) again after a failure, such
// as a lack of descriptors.
void Server::State::BuildServer() {
  EnableHealthAndReflection();
  grpc::ServerBuilder builder;
  acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(options.limits.max_message_bytes);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                             int(std::min<int64_t>(1000 * int64_t(options.connection_idle_seconds),
                                                   std::numeric_limits<int>::max())));
  // Pings detect peers that vanished.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kPingMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingAnswerMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  BoundReceived(&builder, options);
  builder.RegisterService(&service);
  server = builder.BuildAndStart();
  if (!server) throw Error(ErrorCode::kInternal, "server: gRPC does not start");
}

void Server::State::Listen() {
  const auto warn = [this](const std::string& line) { log.Warning(line); };
  listener = std::make_unique<Listener>(ListenerOptions{
      .name = "server", .address = options.listen, .max_connections = options.max_connections});
  if (!options.metrics.empty()) {
    endpoint = std::make_unique<MetricsEndpoint>(
        options.metrics,
        [this] {
          SetGauges();
          return metrics.Text();
        },
        warn);
  }
  BuildServer();
  server->GetHealthCheckService()->SetServingStatus(v1::ScoringService::service_full_name(), true);
  listener->Start(
      [this](int socket) {
        grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
        connection.fd = socket;
        acceptor->HandleNewConnection(&connection);
      },
      warn);
  ticker = std::jthread([this](const std::stop_token& stop) { TickUntil(stop); });
  if (options.watchdog_seconds == 0) return;
  watchdog = std::make_unique<Watchdog>(
      WatchdogOptions{.address = listener->address(),
                      .period = std::chrono::seconds(options.watchdog_seconds),
                      .refused = [this] { return listener->refused(); }},
      [this](const std::string& why) { Fail(ServerFailure::kDeaf, why); });
}

Server::Server(const ServerOptions& options, std::unique_ptr<StepScorer> scorer)
    : Server(options, ListOf(std::move(scorer))) {}

Server::Server(const ServerOptions& options, std::vector<std::unique_ptr<StepScorer>> scorers) {
  CheckLimits(options);
  state_ = std::make_unique<State>(options, std::move(scorers));
  state_->Listen();
  const ModelDescription& model = state_->scorer->description();
  state_->log.Info(fmt::format(
      "event=start listen={} metrics={:?} model={:?} dtype={} why_dtype={:?} "
      "products={} why_products={:?} weights={} device={} kernels={:?} workers={}",
      address(), metrics_address(), model.name, model.dtype, model.why_dtype, model.products,
      model.why_products, model.weights, model.device, model.kernels, state_->workers));
}

Server::~Server() { Drain(); }

const std::string& Server::address() const { return state_->listener->address(); }

std::string Server::metrics_address() const {
  return state_->endpoint ? state_->endpoint->address() : "";
}

bool Server::Drain() {
  State& s = *state_;
  std::call_once(s.drain_once, [&] {
    s.log.Info("event=drain");
    s.watchdog.reset();
    s.service.RefuseNew();
    s.server->GetHealthCheckService()->Shutdown();
    const SteadyTime give_up =
        std::chrono::steady_clock::now() + std::chrono::seconds(s.options.drain_seconds);
    s.drained_whole = s.service.AwaitAnswers(give_up);
    if (!s.drained_whole) s.log.Warning("event=drain_timeout dropped=true");
    // A gRPC server in shutdown answers calls on open connections with CANCELLED, which clients do
    // not retry. On a closed connection they get UNAVAILABLE.
    s.listener->Close(std::chrono::steady_clock::now() + kCloseGrace);
    // After its grace, Shutdown cancels the remaining calls, which leave the queue at the next
    // batch.
    s.server->Shutdown(std::chrono::system_clock::now() + kCloseGrace);
    s.batcher.Stop();
    s.server->Wait();
    s.log.Info("event=stop");
  });
  return s.drained_whole;
}

std::optional<std::string> Server::failure() const {
  std::lock_guard lock(state_->failure_mutex);
  return state_->failure;
}

std::string Server::MetricsText() const {
  state_->SetGauges();
  return state_->metrics.Text();
}

void ServeUntilStopped(ServerOptions options, std::vector<std::unique_ptr<StepScorer>> scorers) {
  RaiseDescriptorLimit();
  StopSignal stop;
  options.on_failure = [&stop](ServerFailure failure) {
    if (failure == ServerFailure::kDeaf) std::_Exit(1);
    stop.Stop();
  };
  Server server(options, std::move(scorers));
  stop.Wait();
  const bool whole = server.Drain();
  if (const auto failure = server.failure()) throw Error(ErrorCode::kUnavailable, *failure);
  if (whole) return;
  throw Error(ErrorCode::kDeadlineExceeded,
              StrCat("calls were still running after ", options.drain_seconds,
                     " s of draining and were dropped"));
}

}  // namespace prm
