// A real server on a loopback port in front of a fake scorer, and traces to send it.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/records/score_lines.h"
#include "proto/prm/v1/scoring.grpc.pb.h"
#include "serve/client/client.h"
#include "serve/client/client_options.h"
#include "serve/service/server.h"
#include "serve/wire/codec.h"
#include "tests/serve/fake_scorer.h"

namespace prm {

inline ServerOptions QuietOptions() {
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.log_level = "off";
  return options;
}

inline std::unique_ptr<Server> Start(const ServerOptions& options = QuietOptions(),
                                     std::shared_ptr<Gate> gate = nullptr) {
  return std::make_unique<Server>(options, std::make_unique<FakeScorer>(std::move(gate)));
}

// A separate connection, which is established first: gRPC 1.51 takes any change of errno after
// connect(2) for a refusal (grpc/grpc #35064), which fails calls made at that moment.
inline std::shared_ptr<grpc::Channel> ConnectTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  EXPECT_TRUE(
      channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(60)))
      << address;
  return channel;
}

inline std::unique_ptr<v1::ScoringService::Stub> StubFor(const std::string& address) {
  return v1::ScoringService::NewStub(ConnectTo(address));
}

inline Trace MakeTrace(std::string id, std::string problem, const std::vector<std::string>& steps) {
  Trace trace;
  trace.id = std::move(id);
  trace.problem = std::move(problem);
  for (const std::string& step : steps) trace.steps.push_back({step, {}, {}});
  return trace;
}

inline v1::ScoreTracesRequest RequestOf(const std::vector<Trace>& traces) {
  v1::ScoreTracesRequest request;
  for (const Trace& trace : traces) ToMessage(trace, request.add_traces());
  return request;
}

// The scores without a server.
inline ScoreLine OfflineLine(const Trace& trace) {
  const FakeScorer scorer;
  return MakeScoreLine(trace.id,
                       FakeScores(TokenizeTrace(scorer.format(), scorer.tokenizer(), trace)),
                       scorer.description().threshold);
}

// The lines that a client of either kind emits for the traces.
template <class Client = ScoringClient>
std::vector<ScoreLine> AskAll(const ClientOptions& options, const std::vector<Trace>& traces) {
  std::vector<ScoreLine> lines;
  Client client(options, [&](ScoreLine line) { lines.push_back(std::move(line)); });
  for (const Trace& trace : traces) client.Add(trace);
  client.Flush();
  return lines;
}

}  // namespace prm
