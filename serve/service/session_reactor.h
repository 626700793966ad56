// One ScoreStream call: a stream's sessions behind gRPC.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "serve/service/session_service.h"

struct grpc_call;

namespace prm {

// Who a stream is and who hears of its end.
struct StreamIdentity {
  uint64_t id = 0;
  // Called with the whole record before the client gets the status; may be empty.
  std::function<void(const CallRecord&)> on_end;
  // Called when gRPC has done with the call, which may then be destroyed.
  std::function<void()> on_done;
  Held place;  // among the server's streams, while the call is there
};

// Begins to read at once. Owned by who holds it, at least until on_done; who calls Tick or Drain
// holds it meanwhile.
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
  grpc_call* const call_;  // a reference of our own: Cut may come when gRPC has done with the call
  grpc::ByteBuffer incoming_;  // gRPC's while a read is under way

  std::mutex mutex_;
  // Guarded by mutex_:
  std::deque<grpc::ByteBuffer> outbox_;  // the first is gRPC's while `writing_`
  bool writing_ = false;
  bool broken_ = false;               // nothing can be written any more
  std::optional<CallRecord> record_;  // the sessions have ended

  SessionService sessions_;
};

}  // namespace prm
