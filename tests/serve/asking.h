// Calls from a test to a server, and their replies.
#pragma once

#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <latch>
#include <string>
#include <vector>

#include "data/records/score_lines.h"
#include "tests/serve/server_fixture.h"

namespace prm {

struct Reply {
  grpc::Status status;
  v1::ScoreTracesResponse response;
  std::string pushback_ms;  // empty: not sent
};

inline Reply Ask(v1::ScoringService::Stub& stub, const v1::ScoreTracesRequest& request) {
  Reply reply;
  grpc::ClientContext context;
  reply.status = stub.ScoreTraces(&context, request, &reply.response);
  for (const auto& [key, value] : context.GetServerTrailingMetadata()) {
    if (key == "grpc-retry-pushback-ms") reply.pushback_ms = {value.begin(), value.end()};
  }
  return reply;
}

inline Reply Ask(const Server& server, const std::vector<Trace>& traces) {
  return Ask(*StubFor(server.address()), RequestOf(traces));
}

// Sends raw bytes to a unary method.
inline grpc::Status AskRaw(const Server& server, const std::string& method,
                           const std::string& bytes, std::string* reply) {
  grpc::GenericStub stub(ConnectTo(server.address()));
  grpc::ClientContext context;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  std::latch done(1);
  stub.UnaryCall(&context, method, {}, &request, &response, [&](grpc::Status s) {
    status = std::move(s);
    done.count_down();
  });
  done.wait();
  std::vector<grpc::Slice> slices;
  if (status.ok() && response.Dump(&slices).ok()) {
    for (const grpc::Slice& s : slices) {
      reply->append(reinterpret_cast<const char*>(s.begin()), s.size());
    }
  }
  return status;
}

inline constexpr const char* kScoreTraces = "/prm.v1.ScoringService/ScoreTraces";

// grpc.health.v1 has one string in the request and one enum in the response, both field 1.
inline int Health(const Server& server, const std::string& service) {
  google::protobuf::StringValue request;
  request.set_value(service);
  std::string reply;
  const grpc::Status status =
      AskRaw(server, "/grpc.health.v1.Health/Check", request.SerializeAsString(), &reply);
  google::protobuf::Int32Value response;
  if (!status.ok() || !response.ParseFromString(reply)) return -1;
  return response.value();
}
inline constexpr int kServing = 1, kNotServing = 2;

inline void ExpectOfflineScores(const v1::TraceResult& result, const Trace& trace) {
  ASSERT_TRUE(result.has_scores()) << result.error().message();
  const ScoreLine line = ToScoreLine(result);
  const ScoreLine expected = OfflineLine(trace);
  EXPECT_EQ(line.id, expected.id);
  EXPECT_TRUE(SameScores(line.scores, expected.scores));
  EXPECT_EQ(line.aggregate, expected.aggregate);
  EXPECT_EQ(line.first_error, expected.first_error);
}

}  // namespace prm
