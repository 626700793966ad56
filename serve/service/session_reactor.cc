#include "serve/service/session_reactor.h"

#include <grpc/grpc.h>

#include <utility>

#include "proto/prm/v1/scoring.grpc.pb.h"
#include "serve/wire/session_codec.h"

namespace prm {
namespace {

StreamRequest ParseRequest(grpc::ByteBuffer bytes) {
  v1::StreamRequest message;
  if (!grpc::SerializationTraits<v1::StreamRequest>::Deserialize(&bytes, &message).ok()) {
    throw Error(ErrorCode::kInvalidArgument,
                "it is not a prm.v1.StreamRequest: expected a well-formed message whose texts are "
                "UTF-8");
  }
  return ToRequest(std::move(message));
}

}  // namespace

SessionReactor::SessionReactor(const StreamParts& parts, grpc::CallbackServerContext* context,
                               StreamIdentity identity)
    : identity_(std::move(identity)),
      deadline_(parts.deadline),
      call_(context->c_call()),
      sessions_(parts, this) {
  grpc_call_ref(call_);
  StartRead(&incoming_);
}

SessionReactor::~SessionReactor() { grpc_call_unref(call_); }

void SessionReactor::OnReadDone(bool ok) {
  if (!ok) return sessions_.NoMore();
  const grpc::ByteBuffer bytes = std::exchange(incoming_, grpc::ByteBuffer());
  sessions_.Take(int64_t(bytes.Length()), [bytes] { return ParseRequest(bytes); });
}

void SessionReactor::ReadNext() { StartRead(&incoming_); }

void SessionReactor::Send(StreamReply reply) {
  grpc::ByteBuffer bytes;
  bool own_buffer = false;
  const grpc::Status written =
      grpc::SerializationTraits<v1::StreamReply>::Serialize(ToMessage(reply), &bytes, &own_buffer);
  if (!written.ok()) {  // without this reply the client would wait forever
    Cut(Error(ErrorCode::kInternal, StrCat("a reply cannot be sent: ", written.error_message())));
    return sessions_.Written();
  }
  const grpc::ByteBuffer* first = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (!broken_) {
      outbox_.push_back(std::move(bytes));
      if (std::exchange(writing_, true)) return;
      first = &outbox_.front();
    }
  }
  first ? StartWrite(first) : sessions_.Written();
}

void SessionReactor::OnWriteDone(bool ok) {
  size_t gone = 1;
  const grpc::ByteBuffer* next = nullptr;
  std::optional<CallRecord> record;
  {
    std::lock_guard lock(mutex_);
    outbox_.pop_front();
    if (!ok) {
      broken_ = true;
      gone += outbox_.size();
      outbox_.clear();
    }
    writing_ = !outbox_.empty();
    if (writing_) {
      next = &outbox_.front();
    } else {
      record = record_;
    }
  }
  if (next) StartWrite(next);
  for (; gone > 0; --gone) sessions_.Written();
  if (record) FinishWith(*record);
}

void SessionReactor::End(const CallRecord& record) {
  {
    std::lock_guard lock(mutex_);
    record_ = record;
    if (writing_) return;  // the last write will finish the call
  }
  FinishWith(record);
}

// gRPC may finish the call and call on_done before Finish returns.
void SessionReactor::FinishWith(CallRecord record) {
  record.id = identity_.id;
  record.event = "stream";
  record.total_us = std::chrono::duration_cast<std::chrono::microseconds>(
                        std::chrono::steady_clock::now() - arrived_)
                        .count();
  if (identity_.on_end) identity_.on_end(record);
  Finish(record.error
             ? grpc::Status(grpc::StatusCode(int(record.error->code())), record.error->what())
             : grpc::Status::OK);
}

// A normal Finish would queue its status after the replies that nobody reads.
void SessionReactor::Cut(const Error& why) {
  grpc_call_cancel_with_status(call_, grpc_status_code(int(why.code())), why.what(), nullptr);
}

void SessionReactor::OnCancel() {
  const bool late = deadline_ <= std::chrono::steady_clock::now();
  sessions_.Cancel(late ? Error(ErrorCode::kDeadlineExceeded, "the stream's deadline passed")
                        : Error(ErrorCode::kCancelled, "the client cancelled the stream"));
}

void SessionReactor::OnDone() {
  const std::function<void()> on_done = identity_.on_done;  // outlives this
  on_done();
}

}  // namespace prm
