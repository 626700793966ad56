#include "serve/client/connection.h"

#include <algorithm>
#include <charconv>
#include <random>

#include "data/text/hash.h"
#include "serve/service/call_record.h"
#include "serve/wire/grpc_log.h"

namespace prm {
namespace {

// CANCELLED: this client never cancels calls, so a server or proxy is shutting down.
bool IsTransient(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED ||
         status.error_code() == grpc::StatusCode::CANCELLED;
}

double Jitter() {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(random);
}

}  // namespace

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& server, bool shared) {
  QuietGrpcLog();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, shared ? 0 : 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  // Also the timeout of a connection attempt: a handshake may be slow on a busy machine.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // No limit: answers may be longer than requests, which the server's limits bound.
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

std::string ProblemId(const std::string& problem) {
  Fnv1a hash;
  hash.Add(problem);
  return std::to_string(hash.value());
}

std::chrono::milliseconds RetryDelay(int attempt, double jitter,
                                     std::optional<std::chrono::milliseconds> pushback) {
  constexpr double kFirst = 50, kLast = 2000;
  // Never earlier than the server asks.
  if (pushback)
    return std::chrono::milliseconds(int64_t(double(pushback->count()) * (1 + 0.5 * jitter)));
  const double full = std::min(kLast, kFirst * double(1 << std::clamp(attempt - 1, 0, 16)));
  return std::chrono::milliseconds(int64_t(full * (1 - 0.5 * jitter)));
}

std::optional<std::chrono::milliseconds> PushbackOf(const grpc::ClientContext& context) {
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto found = metadata.find("grpc-retry-pushback-ms");
  if (found == metadata.end()) return std::nullopt;
  const grpc::string_ref text = found->second;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  // gRPC's rule: an unreadable value means "do not retry".
  if (error != std::errc() || end != text.end()) return std::chrono::milliseconds(-1);
  return std::chrono::milliseconds(value);
}

Connection::Connection(const ClientOptions& options)
    : options_(options), stub_(v1::ScoringService::NewStub(OpenChannel(options.server))) {}

grpc::Status Connection::WithRetries(const std::string& problem, const Call& call) const {
  for (int attempt = 1;; ++attempt) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(options_.timeout_seconds));
    if (!options_.client_id.empty()) context.AddMetadata("client-id", options_.client_id);
    if (options_.route_by_problem) context.AddMetadata("problem-id", ProblemId(problem));
    const grpc::Status status = call(&context);
    if (!IsTransient(status) || attempt >= options_.attempts) return status;
    const auto pushback = PushbackOf(context);
    if (pushback && pushback->count() < 0) return status;
    options_.sleep(RetryDelay(attempt, Jitter(), pushback));
  }
}

v1::DescribeModelResponse Connection::Describe() const {
  v1::DescribeModelRequest request;
  request.set_model(options_.model);
  v1::DescribeModelResponse response;
  const grpc::Status status = WithRetries("", [&](grpc::ClientContext* context) {
    return stub_->DescribeModel(context, request, &response);
  });
  if (!status.ok()) Throw(status);
  return response;
}

void Connection::Throw(const grpc::Status& status) const {
  const auto code = ErrorCode(int(status.error_code()));
  throw Error(code, StrCat("server ", options_.server, ": ", StatusName(code), ": ",
                           status.error_message()));
}

}  // namespace prm
