// A connection to a scoring server: one channel, with retries.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "data/error.h"
#include "proto/prm/v1/scoring.grpc.pb.h"
#include "serve/client/client_options.h"

namespace prm {

// `shared`: shares its TCP connection with this process's equal channels to the same server.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& server, bool shared = true);

// Returns the metadata `problem-id` for a problem's text: a number, since metadata must be short
// ASCII.
std::string ProblemId(const std::string& problem);

// Returns the retry delay in a call's trailing metadata; negative: do not retry.
std::optional<std::chrono::milliseconds> PushbackOf(const grpc::ClientContext& context);

// Returns the delay after attempt `attempt` (from 1): exponential from 50 ms to at most 2 s,
// reduced by up to half by `jitter` in [0, 1), so that clients do not return all at once. With the
// server's `pushback`: that, or up to half longer.
std::chrono::milliseconds RetryDelay(int attempt, double jitter,
                                     std::optional<std::chrono::milliseconds> pushback = {});

// Any thread may call any method.
class Connection {
 public:
  // Connects on the first call.
  explicit Connection(const ClientOptions& options);

  v1::ScoringService::Stub& stub() const { return *stub_; }
  const ClientOptions& options() const { return options_; }

  // Runs `call` until it succeeds, fails permanently, or was tried options.attempts times. With
  // options.route_by_problem the metadata names `problem`, the problem's text.
  using Call = std::function<grpc::Status(grpc::ClientContext*)>;
  grpc::Status WithRetries(const std::string& problem, const Call& call) const;

  // Returns the server's model and limits. Throws Error, which names the server; kNotFound if its
  // model is not options.model.
  v1::DescribeModelResponse Describe() const;

  [[noreturn]] void Throw(const grpc::Status& status) const;

 private:
  const ClientOptions options_;
  const std::unique_ptr<v1::ScoringService::Stub> stub_;
};

}  // namespace prm
