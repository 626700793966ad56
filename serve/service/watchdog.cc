#include "serve/service/watchdog.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "data/error.h"
#include "serve/wire/grpc_log.h"

namespace prm {
namespace {

// Replaces the wildcard address by loopback.
std::string Reachable(const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  const std::string port = address.substr(address.rfind(':'));
  if (host.empty() || host == "0.0.0.0") return "127.0.0.1" + port;
  return host == "[::]" ? "[::1]" + port : address;
}

// Opens a new connection, without a proxy.
std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  QuietGrpcLog();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// Calls Health/Check; `stop` cancels it.
grpc::Status AskHealth(const std::string& address, std::chrono::milliseconds patience,
                       const std::stop_token& stop) {
  grpc::GenericStub stub(Connect(address));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);  // retries a failed connection until the deadline
  context.set_deadline(std::chrono::system_clock::now() + patience);
  const grpc::Slice none;  // an empty message asks for the whole server
  grpc::ByteBuffer request(&none, 1), response;
  grpc::CompletionQueue queue;
  grpc::Status status;
  const auto call =
      stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  const std::stop_callback cancel(stop, [&] { context.TryCancel(); });
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

}  // namespace

Watchdog::Watchdog(const WatchdogOptions& options, std::function<void(const std::string&)> on_deaf)
    : options_(options),
      on_deaf_(std::move(on_deaf)),
      thread_([this](std::stop_token stop) { Watch(std::move(stop)); }) {}

void Watchdog::Watch(std::stop_token stop) {
  const std::string address = Reachable(options_.address);
  const auto refused = [&] { return options_.refused ? options_.refused() : 0; };
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  for (int in_vain = 0;;) {
    if (stopped.wait_for(lock, stop, options_.period, [&] { return stop.stop_requested(); }))
      return;
    const int64_t refused_before = refused();
    const grpc::Status status = AskHealth(address, options_.period, stop);
    if (stop.stop_requested()) return;
    const bool heard = status.ok() || refused() != refused_before;
    in_vain = heard ? 0 : in_vain + 1;
    if (in_vain < kDeafAfterCalls) continue;
    return on_deaf_(StrCat("no answer to ", in_vain, " health calls at ", address,
                           "; the last error: ", status.error_message()));
  }
}

}  // namespace prm
