// The unary calls that score traces, from a request's bytes to its answer.
//
//   gRPC ── owns until OnDone ──> ScoringCall <── borrow ── text thread (Start), workers (TakeOne)
//
// A call deletes itself in OnDone, which gRPC calls once, after Finish. What it borrows
// (ServiceParts, CallPlaces) outlives it, since the service waits for `on_done` of every call.
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

// Borrowed by the service; outlives the service and its calls.
struct ServiceParts {
  const StepScorer* scorer = nullptr;  // for its const accessors only
  Batcher* batcher = nullptr;
  ThreadPool* pool = nullptr;
  CallLimits limits;
  SharedLimits shared;
  // Called after each answered call, from any thread, under no lock.
  std::function<void(const CallRecord&)> on_call;

  StreamLimits stream;
  // The clock of streams; tests replace it.
  std::function<SteadyTime()> now = [] { return std::chrono::steady_clock::now(); };
  // As on_call, after the end of each stream and after each step scored on one.
  std::function<void(const CallRecord&)> on_stream;
  std::function<void(const Appended&)> on_step;
};

// Returns the call's client (BatchItem::client): the metadata `client-id` if `trust_client_id` is
// set and it is present, else ClientOfPeer.
uint64_t ClientOf(const grpc::CallbackServerContext& context, bool trust_client_id);

// Converts `error`. For QueueFull, adds the retry delay to the trailing metadata. Call it before
// the call is finished.
grpc::Status StatusOf(const Error& error, grpc::CallbackServerContext* context);

// gRPC gives deadlines on the system clock; the batcher's clock is steady.
SteadyTime ToSteady(std::chrono::system_clock::time_point deadline);

// The service's resources that its calls share.
struct CallPlaces {
  Shares* waiting_calls = nullptr;  // calls whose requests are not parsed yet
  Shares* bytes = nullptr;          // of unanswered requests
};

// One call as it comes from gRPC.
struct CallIdentity {
  uint64_t id = 0;
  grpc::CallbackServerContext* context = nullptr;  // owned by gRPC, valid until OnDone
  grpc::ByteBuffer* response = nullptr;            // owned by gRPC, valid until OnDone
  std::function<void()> on_done;                   // the call's last action
};

// Start runs on the pool, TakeOne on workers. Different threads write `lines_` of different traces;
// the thread that counts `pending_` down to zero reads them.
class ScoringCall : public grpc::ServerUnaryReactor {
 public:
  ScoringCall(const ServiceParts& parts, const CallPlaces& places, CallIdentity identity);

  // Call before Start. Reserves the call's places. Throws QueueFull if the client may hold no more.
  void Admit(int64_t bytes);
  void Start(const grpc::ByteBuffer& bytes);
  // The call may be deleted when this returns.
  void Fail(const Error& error);

 protected:
  // Parses the request's traces. Called on a thread of the pool; throws Error.
  virtual std::vector<Trace> Read(const grpc::ByteBuffer& bytes) = 0;
  // lines: [traces]. Called once, after Read; throws Error.
  virtual grpc::Status Write(std::vector<ScoreLine> lines, grpc::ByteBuffer* response) = 0;
  virtual Priority priority() const = 0;

  // Reads the fields that all requests share. Throws Error(kNotFound) for another model.
  template <class Request>
  void TakeWishes(const Request& request);
  // Adds diagnostics if the request asks for them.
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
  bool diagnostics_ = false;  // the request asks for them
  int64_t tokenize_us_ = 0;

  std::mutex mutex_;
  // Guarded by mutex_ while traces are pending:
  CallRecord record_;
  std::optional<Error> ending_;
};

// Both own themselves.
ScoringCall* NewScoreTracesCall(const ServiceParts& parts, const CallPlaces& places,
                                CallIdentity identity);
ScoringCall* NewRerankCall(const ServiceParts& parts, const CallPlaces& places,
                           CallIdentity identity);

}  // namespace prm
