#include "serve/service/scoring_service.h"

#include <atomic>
#include <string_view>
#include <utility>

#include "data/records/score_lines.h"
#include "serve/wire/client_key.h"
#include "serve/wire/rerank_codec.h"
#include "serve/wire/session_codec.h"

namespace prm {
namespace {

constexpr const char* kDraining = "the server is draining and takes no new work";

// A stream that ends at once.
class RefusedStream : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit RefusedStream(const grpc::Status& why) { Finish(why); }

 private:
  void OnDone() override { delete this; }
};

// gRPC gives deadlines on the system clock; the batcher's clock is steady.
SteadyTime ToSteady(std::chrono::system_clock::time_point deadline) {
  const auto left = deadline - std::chrono::system_clock::now();
  if (left > std::chrono::hours(24 * 365)) return SteadyTime::max();
  return std::chrono::steady_clock::now() + left;
}

// These say that the work was not done and stand for the whole call; any other code is the trace's
// own.
bool EndsTheCall(ErrorCode code) {
  return code == ErrorCode::kCancelled || code == ErrorCode::kDeadlineExceeded ||
         code == ErrorCode::kUnavailable;
}

template <class Request>
Request Parse(const grpc::ByteBuffer& bytes) {
  Request request;
  grpc::ByteBuffer copy(bytes);  // shares the slices; reading consumes the buffer
  if (!grpc::SerializationTraits<Request>::Deserialize(&copy, &request).ok()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("the request is not a ", Request::descriptor()->full_name(),
                       ": expected a well-formed message whose texts are UTF-8"));
  }
  return request;
}

template <class Response>
grpc::Status Serialize(const Response& message, grpc::ByteBuffer* bytes) {
  bool own_buffer = false;
  return grpc::SerializationTraits<Response>::Serialize(message, bytes, &own_buffer);
}

}  // namespace

uint64_t ClientOf(const grpc::CallbackServerContext& context, bool trust_client_id) {
  const auto named = context.client_metadata().find("client-id");
  if (!trust_client_id || named == context.client_metadata().end()) {
    return ClientKey(ClientOfPeer(context.peer()));
  }
  return ClientKey(
      StrCat("client-id:", std::string_view(named->second.data(), named->second.size())));
}

grpc::Status StatusOf(const Error& error, grpc::CallbackServerContext* context) {
  if (const auto* full = dynamic_cast<const QueueFull*>(&error)) {
    context->AddTrailingMetadata("grpc-retry-pushback-ms",
                                 std::to_string(full->retry_after().count()));
  }
  return grpc::Status(grpc::StatusCode(int(error.code())), error.what());
}

// One call that has traces scored. Owns itself from its handler until OnDone. Start runs on the
// pool, TakeOne on workers; `lines_` of different traces are written by different threads and
// read by the one that counts `pending_` down to zero.
class ScoringService::Call : public grpc::ServerUnaryReactor {
 public:
  Call(ScoringService* service, uint64_t id, grpc::CallbackServerContext* context,
       grpc::ByteBuffer* response)
      : parts_(service->parts_),
        service_(service),
        context_(context),
        deadline_(ToSteady(context->deadline())),
        client_(ClientOf(*context, parts_.shared.trust_client_id)),
        response_(response),
        waits_(&service->waiting_calls_, client_),
        bytes_(&service->bytes_, client_) {
    record_.id = id;
  }

  // Before Start: takes its places. Throws QueueFull where the client may have no more.
  void Admit(int64_t bytes) {
    const auto take = [&](Held& held, int64_t count, const Shares& shares, const char* what) {
      if (held.Set(count)) return;
      throw QueueFull(shares.Refusal(client_, what), parts_.batcher->retry_after());
    };
    take(waits_, 1, service_->waiting_calls_, "calls that wait to be read");
    take(bytes_, bytes, service_->bytes_, "bytes of requests");
  }

  void Start(const grpc::ByteBuffer& bytes) {
    waits_.Set(0);
    try {
      const std::vector<Trace> traces = Read(bytes);
      CheckTraceCount(int(traces.size()));
      parts_.batcher->CheckRoom(client_, int64_t(traces.size()));
      std::vector<BatchItem> items = Tokenize(traces);
      if (items.empty()) return Answer();
      pending_ = items.size();
      parts_.batcher->Submit(std::move(items));
    } catch (const Error& error) {
      Fail(error);
    } catch (const std::exception& error) {
      Fail(Error(ErrorCode::kInternal, error.what()));
    }
  }

  void Fail(const Error& error) {
    record_.error = error;
    End(StatusOf(error, context_));
  }

 protected:
  // The traces of a request. On a thread of the pool; throws Error.
  virtual std::vector<Trace> Read(const grpc::ByteBuffer& bytes) = 0;
  // lines [traces]. Once, after Read; throws Error.
  virtual grpc::Status Write(std::vector<ScoreLine> lines, grpc::ByteBuffer* response) = 0;
  virtual Priority priority() const = 0;

  const ServiceParts& parts_;

 private:
  void OnCancel() override { cancelled_->store(true, std::memory_order_relaxed); }

  void OnDone() override {
    ScoringService* service = service_;
    delete this;
    service->Leave();
  }

  void CheckTraceCount(int count) {
    record_.traces = count;
    if (count <= parts_.limits.max_traces) return;
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(count, " traces in one call; expected at most ", parts_.limits.max_traces));
  }

  std::vector<BatchItem> Tokenize(const std::vector<Trace>& traces) {
    lines_.resize(traces.size());
    std::vector<BatchItem> items;
    for (const size_t i : FindFitting(traces)) {
      if (cancelled_->load(std::memory_order_relaxed)) {
        throw Error(ErrorCode::kCancelled, "the call was cancelled before its work began");
      }
      try {
        items.push_back(Item(i, TokenizeOne(traces[i])));
        lines_[i].id = traces[i].id;
      } catch (const Error& error) {
        lines_[i] = MakeErrorLine(traces[i].id, error);
      }
      CheckCallTokens(record_.tokens);
    }
    return items;
  }

  void CheckCallTokens(int64_t tokens) const {
    if (tokens <= parts_.limits.max_call_tokens) return;
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("more than ", parts_.limits.max_call_tokens,
                       " tokens in one call; send fewer traces a call"));
  }

  // The traces that are not too long, as far as their bytes tell; the others get their errors.
  // Costs a fraction of tokenising, which a text far beyond the limits must not cost.
  std::vector<size_t> FindFitting(const std::vector<Trace>& traces) {
    std::vector<size_t> fitting;
    int64_t tokens = 0;
    for (size_t i = 0; i < traces.size(); ++i) {
      try {
        CheckSteps(traces[i]);
        const int64_t least =
            MinTokens(parts_.scorer->format(), parts_.scorer->tokenizer(), traces[i]);
        CheckTokens(traces[i], least, "at least ");
        tokens += least;
        fitting.push_back(i);
      } catch (const Error& error) {
        lines_[i] = MakeErrorLine(traces[i].id, error);
      }
    }
    CheckCallTokens(tokens);
    return fitting;
  }

  void CheckSteps(const Trace& trace) const {
    if (trace.steps.size() <= size_t(parts_.limits.max_steps)) return;
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("trace ", trace.id, ": ", trace.steps.size(), " steps; expected at most ",
                       parts_.limits.max_steps));
  }

  void CheckTokens(const Trace& trace, int64_t tokens, const char* about) const {
    const int max_tokens = parts_.scorer->description().max_tokens;
    if (tokens <= max_tokens) return;
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("trace ", trace.id, ": ", about, tokens, " tokens; the model takes at most ",
                       max_tokens));
  }

  TraceTokens TokenizeOne(const Trace& trace) {
    TraceTokens tokens = TokenizeTrace(parts_.scorer->format(), parts_.scorer->tokenizer(), trace);
    CheckTokens(trace, int64_t(tokens.ids.size()), "");
    record_.tokens += int64_t(tokens.ids.size());
    return tokens;
  }

  BatchItem Item(size_t index, TraceTokens tokens) {
    BatchItem item;
    lines_[index].tokens = int(tokens.ids.size());
    item.tokens = std::move(tokens);
    item.deadline = deadline_;
    item.priority = priority();
    item.client = client_;
    item.cancelled = cancelled_;
    item.done = [this, index](Result<TraceScores> scores, const WorkTimes& times) {
      TakeOne(index, std::move(scores), times);
    };
    return item;
  }

  void TakeOne(size_t index, Result<TraceScores> scores, const WorkTimes& times) {
    {
      std::lock_guard lock(mutex_);
      record_.queue_us = std::max(record_.queue_us, times.queue_us);
      record_.compute_us = std::max(record_.compute_us, times.compute_us);
      if (!scores.ok() && EndsTheCall(scores.error().code())) ending_ = scores.error();
    }
    ScoreLine& line = lines_[index];
    try {
      const int tokens = line.tokens;
      line =
          MakeScoreLine(line.id, std::move(scores).value(), parts_.scorer->description().threshold);
      line.tokens = tokens;
    } catch (const Error& error) {
      line = MakeErrorLine(line.id, error);
    }
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) Answer();
  }

  void Answer() {
    if (ending_) return Fail(*ending_);
    for (const ScoreLine& line : lines_) record_.failed_traces += line.error ? 1 : 0;
    try {
      End(Write(std::move(lines_), response_));
    } catch (const Error& error) {
      Fail(error);
    }
  }

  // Nothing of the call may be touched after Finish.
  void End(const grpc::Status& status) {
    record_.total_us = std::chrono::duration_cast<std::chrono::microseconds>(
                           std::chrono::steady_clock::now() - arrived_)
                           .count();
    if (parts_.on_call) parts_.on_call(record_);
    Finish(status);
  }

  ScoringService* const service_;
  grpc::CallbackServerContext* const context_;  // gRPC's, until OnDone
  const SteadyTime deadline_;
  const uint64_t client_;
  const SteadyTime arrived_ = std::chrono::steady_clock::now();
  grpc::ByteBuffer* const response_;  // gRPC's, until OnDone
  Held waits_, bytes_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  std::vector<ScoreLine> lines_;  // [traces of the request]
  std::atomic<size_t> pending_ = 0;

  std::mutex mutex_;
  // Guarded by mutex_ while traces are pending:
  CallRecord record_;
  std::optional<Error> ending_;
};

ScoringService::ScoringService(const ServiceParts& parts)
    : parts_(parts),
      rules_(*parts.scorer, parts.limits.max_steps, parts.stream.max_step_bytes),
      stream_places_(parts.stream.max_streams),
      sessions_(parts.stream.max_sessions),
      waiting_calls_(parts.shared.max_waiting_calls),
      bytes_(parts.shared.max_buffered_bytes) {}

class ScoringService::ScoreTracesCall : public Call {
 public:
  using Call::Call;

 private:
  std::vector<Trace> Read(const grpc::ByteBuffer& bytes) override {
    const auto request = Parse<v1::ScoreTracesRequest>(bytes);
    std::vector<Trace> traces;
    for (const v1::Trace& trace : request.traces()) traces.push_back(ToTrace(trace));
    return traces;
  }
  grpc::Status Write(std::vector<ScoreLine> lines, grpc::ByteBuffer* response) override {
    v1::ScoreTracesResponse message;
    for (const ScoreLine& line : lines) ToMessage(line, message.add_results());
    return Serialize(message, response);
  }
  Priority priority() const override { return Priority::kUnary; }
};

class ScoringService::RerankCall : public Call {
 public:
  using Call::Call;

 private:
  std::vector<Trace> Read(const grpc::ByteBuffer& bytes) override {
    request_ = ToRerankInput(Parse<v1::RerankRequest>(bytes));
    std::vector<Trace> traces;
    for (size_t i = 0; i < request_.problem.candidates.size(); ++i) {
      traces.push_back(CandidateTrace(request_.problem, int(i)));
    }
    return traces;
  }
  grpc::Status Write(std::vector<ScoreLine> lines, grpc::ByteBuffer* response) override {
    v1::RerankResponse message;
    ToMessage(RankProblem(request_.problem, std::move(lines), request_.weight), &message);
    return Serialize(message, response);
  }
  Priority priority() const override { return Priority::kBulk; }

  RerankInput request_;
};

template <class OneCall>
grpc::ServerUnaryReactor* ScoringService::Accept(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) {
  uint64_t id = 0;
  bool draining = false;
  {
    std::lock_guard lock(mutex_);
    id = next_id_++;
    draining = draining_;
    ++calls_;
  }
  Call* call = new OneCall(this, id, context, response);
  try {
    if (draining) throw Error(ErrorCode::kUnavailable, kDraining);
    call->Admit(int64_t(request->Length()));
    parts_.pool->Post([call, request] { call->Start(*request); },
                      TextWork(int64_t(request->Length())));
  } catch (const Error& error) {
    call->Fail(error);
  }
  return call;
}

grpc::ServerUnaryReactor* ScoringService::ScoreTraces(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request,
                                                      grpc::ByteBuffer* response) {
  return Accept<ScoreTracesCall>(context, request, response);
}

grpc::ServerUnaryReactor* ScoringService::Rerank(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) {
  return Accept<RerankCall>(context, request, response);
}

ScoringService::StreamReactor* ScoringService::ScoreStream(grpc::CallbackServerContext* context) {
  StreamParts stream;
  stream.rules = &rules_;
  stream.batcher = parts_.batcher;
  stream.pool = parts_.pool;
  stream.sessions = &sessions_;
  stream.bytes = &bytes_;
  stream.limits = parts_.stream;
  stream.deadline = ToSteady(context->deadline());
  stream.client = ClientOf(*context, parts_.shared.trust_client_id);
  stream.now = parts_.now;
  stream.on_step = parts_.on_step;
  const uint64_t id = NextId();
  Held place(&stream_places_, stream.client);
  if (!place.Set(1)) {
    return RefuseStream(
        id, context,
        QueueFull(stream_places_.Refusal(stream.client, "streams"), parts_.batcher->retry_after()));
  }
  {
    std::lock_guard lock(mutex_);
    if (!draining_) {
      StreamIdentity identity{id, parts_.on_stream, [this, id] { LeaveStream(id); },
                              std::move(place)};
      const auto call = std::make_shared<SessionReactor>(stream, context, std::move(identity));
      ++calls_;
      streams_[id] = call;
      return call.get();
    }
  }
  return RefuseStream(id, context, Error(ErrorCode::kUnavailable, kDraining));
}

ScoringService::StreamReactor* ScoringService::RefuseStream(uint64_t id,
                                                            grpc::CallbackServerContext* context,
                                                            const Error& why) {
  CallRecord record;
  record.id = id;
  record.event = "stream";
  record.error = why;
  if (parts_.on_stream) parts_.on_stream(record);
  return new RefusedStream(StatusOf(why, context));
}

grpc::ServerUnaryReactor* ScoringService::DescribeModel(grpc::CallbackServerContext* context,
                                                        const v1::DescribeModelRequest*,
                                                        v1::DescribeModelResponse* response) {
  ToMessage(parts_.scorer->description(), response->mutable_model());
  ToMessage(parts_.limits, response->mutable_limits());
  ToMessage(rules_.step_delimiter, parts_.stream, response->mutable_stream());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

uint64_t ScoringService::NextId() {
  std::lock_guard lock(mutex_);
  return next_id_++;
}

void ScoringService::Leave() {
  std::lock_guard lock(mutex_);
  if (--calls_ == 0) empty_.notify_all();
}

void ScoringService::LeaveStream(uint64_t id) {
  {
    std::shared_ptr<SessionReactor> done;  // destroyed behind the lock
    std::lock_guard lock(mutex_);
    const auto stream = streams_.find(id);
    done = std::move(stream->second);
    streams_.erase(stream);
  }
  Leave();
}

ScoringService::Streams ScoringService::LiveStreams() {
  std::lock_guard lock(mutex_);
  Streams streams;
  for (const auto& [id, stream] : streams_) streams.push_back(stream);
  return streams;
}

void ScoringService::Tick() {
  for (const auto& stream : LiveStreams()) stream->Tick();
}

void ScoringService::RefuseNew() {
  {
    std::lock_guard lock(mutex_);
    draining_ = true;
  }
  for (const auto& stream : LiveStreams()) stream->Drain();
}

bool ScoringService::AwaitAnswers(SteadyTime give_up) {
  std::unique_lock lock(mutex_);
  return empty_.wait_until(lock, give_up, [&] { return calls_ == 0; });
}

}  // namespace prm
