// One ScoreStream call: connects a stream's sessions to gRPC.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "serve/service/session_service.h"

struct grpc_call;

namespace prm {

// A stream's id, its callbacks and its place.
struct StreamIdentity {
  uint64_t id = 0;
  // Called with the complete record before the client gets the status; may be empty.
  std::function<void(const CallRecord&)> on_end;
  // Called when gRPC is done with the call, which may then be destroyed.
  std::function<void()> on_done;
  Held place;  // among the server's streams, for the lifetime of the call
};

// Starts reading at once. Its owner keeps it at least until on_done; callers of Tick and Drain must
// hold a reference.
class SessionReactor final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                             private StreamSink {
 public:
  SessionReactor(const StreamParts& parts, grpc::CallbackServerContext* context,
                 StreamIdentity identity);
  ~SessionReactor() override;

  void Tick() { sessions_.Tick(); }
  void Drain() { sessions_.Drain(); }

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void Send(StreamReply reply) override;
  void ReadNext() override;
  void Cut(const Error& why) override;
  void End(const CallRecord& record) override;
  void FinishWith(CallRecord record);

  const StreamIdentity identity_;
  const SteadyTime deadline_;
  const SteadyTime arrived_ = std::chrono::steady_clock::now();
  grpc_call* const call_;      // our own reference: Cut may come after gRPC is done with the call
  grpc::ByteBuffer incoming_;  // used by gRPC during a read

  std::mutex mutex_;
  // Guarded by mutex_:
  std::deque<grpc::ByteBuffer> outbox_;  // gRPC uses the first while `writing_`
  bool writing_ = false;
  bool broken_ = false;               // no more writes are possible
  std::optional<CallRecord> record_;  // set when the sessions have ended

  SessionService sessions_;
};

}  // namespace prm
