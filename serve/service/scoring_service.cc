#include "serve/service/scoring_service.h"

#include <string>
#include <utility>

#include "serve/wire/diagnostics.h"
#include "serve/wire/served_model.h"
#include "serve/wire/session_codec.h"

namespace prm {
namespace {

constexpr const char* kDraining = "the server is draining and takes no new work";

// A refused stream, which ends at once.
class RefusedStream : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit RefusedStream(const grpc::Status& why) { Finish(why); }

 private:
  void OnDone() override { delete this; }
};

}  // namespace

ScoringService::ScoringService(const ServiceParts& parts)
    : parts_(parts),
      rules_(*parts.scorer, parts.limits.max_steps, parts.stream.max_step_bytes),
      stream_places_(parts.stream.max_streams),
      sessions_(parts.stream.max_sessions),
      waiting_calls_(parts.shared.max_waiting_calls),
      bytes_(parts.shared.max_buffered_bytes) {}

grpc::ServerUnaryReactor* ScoringService::Accept(NewCall new_call,
                                                 grpc::CallbackServerContext* context,
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
  ScoringCall* call =
      new_call(parts_, {&waiting_calls_, &bytes_}, {id, context, response, [this] { Leave(); }});
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
  return Accept(NewScoreTracesCall, context, request, response);
}

grpc::ServerUnaryReactor* ScoringService::Rerank(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) {
  return Accept(NewRerankCall, context, request, response);
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
                                                        const v1::DescribeModelRequest* request,
                                                        v1::DescribeModelResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  try {
    CheckModel(request->model(), parts_.scorer->description().name);
  } catch (const Error& error) {
    reactor->Finish(StatusOf(error, context));
    return reactor;
  }
  ToMessage(parts_.scorer->description(), response->mutable_model());
  ToMessage(parts_.limits, response->mutable_limits());
  ToMessage(rules_.step_delimiter, parts_.stream, response->mutable_stream());
  response->set_build_version(std::string(BuildVersion()));
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
    std::shared_ptr<SessionReactor> done;  // destroyed after the lock is released
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
