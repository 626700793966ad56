// The calls that have traces scored: from a request's bytes to its answer.
//
//   gRPC ── owns until OnDone ──> ScoringCall <── borrow ── text thread (Start), workers (TakeOne)
//
// A call deletes itself in OnDone, which gRPC calls once, after Finish. All it borrows
// (ServiceParts, CallPlaces) outlives it: the service waits for `on_done` of every call.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "serve/batching/batcher.h"
#include "serve/batching/shares.h"
#include "serve/service/call_record.h"
#include "serve/service/thread_pool.h"
#include "serve/wire/codec.h"
#include "serve/wire/session_messages.h"

namespace prm {

// What the service borrows; all of it outlives the service and its calls.
struct ServiceParts {
  const StepScorer* scorer = nullptr;  // for its const accessors only
  Batcher* batcher = nullptr;
  ThreadPool* pool = nullptr;
  CallLimits limits;
  SharedLimits shared;
  // Called when a call was answered, from any thread, under no lock.
  std::function<void(const CallRecord&)> on_call;

  StreamLimits stream;
  // The clock of streams, passed in so that tests own the time.
  std::function<SteadyTime()> now = [] { return std::chrono::steady_clock::now(); };
  // As on_call: when a stream ended, and after every step that was scored on one.
  std::function<void(const CallRecord&)> on_stream;
  std::function<void(const Appended&)> on_step;
};

// Whose call it is (BatchItem::client): ClientOfPeer; where `trust_client_id` is set, what the
// metadata `client-id` names, if it is there.
uint64_t ClientOf(const grpc::CallbackServerContext& context, bool trust_client_id);

// Of `error`; where there is no room, also says in the trailing metadata when to come again.
// Before the call is finished.
grpc::Status StatusOf(const Error& error, grpc::CallbackServerContext* context);

// gRPC gives deadlines on the system clock; the batcher's clock is steady.
SteadyTime ToSteady(std::chrono::system_clock::time_point deadline);

// Of the service: what its calls share.
struct CallPlaces {
  Shares* waiting_calls = nullptr;  // to be read
  Shares* bytes = nullptr;          // of requests without an answer
};

// One call as gRPC gives it.
struct CallIdentity {
  uint64_t id = 0;
  grpc::CallbackServerContext* context = nullptr;  // gRPC's, until OnDone
  grpc::ByteBuffer* response = nullptr;            // gRPC's, until OnDone
  std::function<void()> on_done;                   // the last that the call does
};

// Start runs on the pool, TakeOne on workers; `lines_` of different traces are written by different
// threads and read by the one that counts `pending_` down to zero.
class ScoringCall : public grpc::ServerUnaryReactor {
 public:
  ScoringCall(const ServiceParts& parts, const CallPlaces& places, CallIdentity identity);

  // Before Start: takes its places. Throws QueueFull where the client may have no more.
  void Admit(int64_t bytes);
  void Start(const grpc::ByteBuffer& bytes);
  // Nothing of the call may be touched afterwards.
  void Fail(const Error& error);

 protected:
  // The traces of a request. On a thread of the pool; throws Error.
  virtual std::vector<Trace> Read(const grpc::ByteBuffer& bytes) = 0;
  // lines [traces]. Once, after Read; throws Error.
  virtual grpc::Status Write(std::vector<ScoreLine> lines, grpc::ByteBuffer* response) = 0;
  virtual Priority priority() const = 0;

  // What every request begins with. Throws Error(kNotFound) for another model.
  template <class Request>
  void TakeWishes(const Request& request);
  // Where the request asks for it.
  template <class Response>
  void AddDiagnostics(Response* message) const;

  const ServiceParts& parts_;

 private:
  void OnCancel() override { cancelled_->store(true, std::memory_order_relaxed); }
  void OnDone() override;

  void CheckTraceCount(int count);
  void CheckCallTokens(int64_t tokens) const;
  void CheckSteps(const Trace& trace) const;
  void CheckTokens(const Trace& trace, int64_t tokens, const char* about) const;
  std::vector<BatchItem> Tokenize(const std::vector<Trace>& traces);
  std::vector<size_t> FindFitting(const std::vector<Trace>& traces);
  TraceTokens TokenizeOne(const Trace& trace);
  BatchItem Item(size_t index, TraceTokens tokens);
  void TakeOne(size_t index, Result<TraceScores> scores, const WorkTimes& times);
  void Answer();
  void End(const grpc::Status& status);

  const CallPlaces places_;
  const CallIdentity identity_;
  const SteadyTime deadline_;
  const uint64_t client_;
  const SteadyTime arrived_ = std::chrono::steady_clock::now();
  Held waits_, bytes_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  std::vector<ScoreLine> lines_;  // [traces of the request]
  std::atomic<size_t> pending_ = 0;
  bool diagnostics_ = false;  // wanted
  int64_t tokenize_us_ = 0;

  std::mutex mutex_;
  // Guarded by mutex_ while traces are pending:
  CallRecord record_;
  std::optional<Error> ending_;
};

// They own themselves.
ScoringCall* NewScoreTracesCall(const ServiceParts& parts, const CallPlaces& places,
                                CallIdentity identity);
ScoringCall* NewRerankCall(const ServiceParts& parts, const CallPlaces& places,
                           CallIdentity identity);

}  // namespace prm
