// A connection to a scoring server: one channel, calls that are tried again.
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

// `shared`: with other channels of this process to the same server, where they are alike.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& server, bool shared = true);

// The metadata `problem-id` of a problem's text: a number, as metadata must be ASCII and short.
std::string ProblemId(const std::string& problem);

// The delay that a server asks for in the trailing metadata of a call; negative: not again at all.
std::optional<std::chrono::milliseconds> PushbackOf(const grpc::ClientContext& context);

// Before attempt `attempt` + 1, attempts from 1: exponential from 50 ms to at most 2 s, of which
// `jitter` in [0, 1) takes away up to half, so that many clients do not come back at once. Where
// the server says when (`pushback`), then, or later by up to half.
std::chrono::milliseconds RetryDelay(int attempt, double jitter,
                                     std::optional<std::chrono::milliseconds> pushback = {});

// Any thread may call any method.
class Connection {
 public:
  // Connects with the first call.
  explicit Connection(const ClientOptions& options);

  v1::ScoringService::Stub& stub() const { return *stub_; }
  const ClientOptions& options() const { return options_; }

  // Runs `call` until it succeeds, fails for good, or was tried options.attempts times; `problem`,
  // its text, names the server to send it to where options.route_by_problem.
  using Call = std::function<grpc::Status(grpc::ClientContext*)>;
  grpc::Status WithRetries(const std::string& problem, const Call& call) const;

  // What the server has loaded and accepts. Throws Error naming the server: kNotFound where it has
  // another model than options.model.
  v1::DescribeModelResponse Describe() const;

  [[noreturn]] void Throw(const grpc::Status& status) const;

 private:
  const ClientOptions options_;
  const std::unique_ptr<v1::ScoringService::Stub> stub_;
};

}  // namespace prm
