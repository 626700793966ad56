// The gRPC handlers. None of them blocks a gRPC thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "proto/prm/v1/scoring.grpc.pb.h"
#include "serve/batching/batcher.h"
#include "serve/batching/shares.h"
#include "serve/service/call_record.h"
#include "serve/service/scoring_call.h"
#include "serve/service/session_reactor.h"
#include "serve/service/session_service.h"
#include "serve/service/thread_pool.h"
#include "serve/wire/codec.h"

namespace prm {

// All methods except DescribeModel take raw bytes: the generated parser would answer malformed or
// non-UTF-8 messages with UNIMPLEMENTED and no reason, and would run on a gRPC thread.
class ScoringService final : public v1::ScoringService::WithRawCallbackMethod_ScoreTraces<
                                 v1::ScoringService::WithRawCallbackMethod_ScoreStream<
                                     v1::ScoringService::WithRawCallbackMethod_Rerank<
                                         v1::ScoringService::WithCallbackMethod_DescribeModel<
                                             v1::ScoringService::Service>>>> {
 public:
  explicit ScoringService(const ServiceParts& parts);

  grpc::ServerUnaryReactor* ScoreTraces(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  using StreamReactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;
  StreamReactor* ScoreStream(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Rerank(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* DescribeModel(grpc::CallbackServerContext* context,
                                          const v1::DescribeModelRequest* request,
                                          v1::DescribeModelResponse* response) override;

  // Refuses new calls with UNAVAILABLE from now on. Streams end after their accepted requests are
  // answered.
  void RefuseNew();
  // Call after RefuseNew. Waits until all accepted calls are answered or until `give_up`. Returns
  // false if calls are left.
  bool AwaitAnswers(SteadyTime give_up);

  // Closes idle sessions and cuts streams whose clients do not read. Call it periodically.
  void Tick();
  // Open sessions on all streams.
  int sessions() const { return int(sessions_.taken()); }

 private:
  using Streams = std::vector<std::shared_ptr<SessionReactor>>;
  using NewCall = ScoringCall* (*)(const ServiceParts&, const CallPlaces&, CallIdentity);
  grpc::ServerUnaryReactor* Accept(NewCall new_call, grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request, grpc::ByteBuffer* response);
  StreamReactor* RefuseStream(uint64_t id, grpc::CallbackServerContext* context, const Error& why);
  uint64_t NextId();
  void Leave();
  void LeaveStream(uint64_t id);
  Streams LiveStreams();

  const ServiceParts parts_;
  const SessionRules rules_;
  Shares stream_places_, sessions_;
  Shares waiting_calls_;  // calls whose requests are not parsed yet
  Shares bytes_;          // of unanswered requests and of sessions
  std::mutex mutex_;
  // Guarded by mutex_:
  bool draining_ = false;
  int calls_ = 0;  // accepted and not done, streams included
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::shared_ptr<SessionReactor>> streams_;
  std::condition_variable empty_;
};

}  // namespace prm
