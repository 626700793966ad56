#include "serve/client/session_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "data/records/score_lines.h"
#include "proto/prm/v1/scoring.grpc.pb.h"
#include "serve/client/client_options.h"
#include "serve/client/connection.h"
#include "serve/service/call_record.h"
#include "serve/wire/session_codec.h"

namespace prm {

// Runs one operation at a time; gRPC's completion queue gives each a deadline, unlike a sync
// stream.
struct SessionClient::Stream {
  explicit Stream(const ClientOptions& options)
      : timeout(options.timeout_seconds),
        stub(v1::ScoringService::NewStub(OpenChannel(options.server))) {
    Await([&] { calls = stub->AsyncScoreStream(&context, &queue, this); });
  }
  ~Stream() {
    if (!finished) {
      context.TryCancel();
      Finish();
    }
    queue.Shutdown();
    void* tag = nullptr;
    for (bool ok = false; queue.Next(&tag, &ok);) continue;
  }

  // Returns false if the stream has ended, or was ended here because the operation timed out.
  template <class Begin>
  bool Await(const Begin& begin) {
    begin();
    void* tag = nullptr;
    bool ok = false;
    const auto deadline = std::chrono::system_clock::now() + timeout;
    if (queue.AsyncNext(&tag, &ok, deadline) != grpc::CompletionQueue::TIMEOUT) return ok;
    late = true;
    context.TryCancel();
    queue.Next(&tag, &ok);
    return false;
  }
  bool Write(const v1::StreamRequest& message) {
    return Await([&] { calls->Write(message, this); });
  }
  bool Read(v1::StreamReply* message) {
    return Await([&] { calls->Read(message, this); });
  }
  grpc::Status Finish() {
    grpc::Status status;
    Await([&] { calls->Finish(&status, this); });
    finished = true;
    if (!late) return status;
    return {grpc::StatusCode::DEADLINE_EXCEEDED,
            StrCat("no answer within ", timeout.count(), " s")};
  }

  const std::chrono::seconds timeout;
  const std::unique_ptr<v1::ScoringService::Stub> stub;
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::StreamRequest, v1::StreamReply>> calls;
  bool finished = false, late = false;
};

SessionClient::SessionClient(const ClientOptions& options)
    : options_(options), stream_(std::make_unique<Stream>(options)) {}

SessionClient::~SessionClient() = default;

void SessionClient::ThrowEnd() {
  const grpc::Status status = stream_->Finish();
  const auto code = status.ok() ? ErrorCode::kDataLoss : ErrorCode(int(status.error_code()));
  throw Error(code, StrCat("server ", options_.server, ": the stream ended: ", StatusName(code),
                           ": ", status.ok() ? "before all was answered" : status.error_message()));
}

void SessionClient::Send(const StreamRequest& request) {
  if (!stream_->Write(ToMessage(request))) ThrowEnd();
}

StreamReply SessionClient::Receive() {
  v1::StreamReply message;
  if (!stream_->Read(&message)) ThrowEnd();
  return ToReply(message);
}

void SessionClient::Finish() {
  stream_->Await([&] { stream_->calls->WritesDone(stream_.get()); });
  v1::StreamReply message;
  const bool more = stream_->Read(&message);
  if (more) {
    throw Error(ErrorCode::kDataLoss,
                StrCat("server ", options_.server, ": a reply to request ", message.request(),
                       " after the last one; expected the end of the stream"));
  }
  const grpc::Status status = stream_->Finish();
  if (status.ok()) return;
  const auto code = ErrorCode(int(status.error_code()));
  throw Error(code, StrCat("server ", options_.server, ": ", StatusName(code), ": ",
                           status.error_message()));
}

StreamReply SessionClient::Ask(const StreamRequest& request) {
  Send(request);
  StreamReply reply = Receive();
  if (const auto* error = std::get_if<Error>(&reply.outcome)) {
    throw Error(error->code(), StrCat("server ", options_.server, ": ", error->what()));
  }
  return reply;
}

void SessionClient::Open(const std::string& session, const SessionOptions& options) {
  Ask({session, options});
}

Appended SessionClient::Append(const std::string& session, const std::string& step) {
  const StreamReply reply = Ask(
      {session, AppendText{.text = step, .whole_step = true, .end_of_step = true, .index = {}}});
  if (const auto* appended = std::get_if<Appended>(&reply.outcome)) return *appended;
  throw Error(ErrorCode::kDataLoss,
              StrCat("server ", options_.server, ": session ", session, ": a step without score"));
}

void SessionClient::Fork(const std::string& session, const std::string& from,
                         std::optional<int> steps) {
  Ask({session, ForkSession{from, steps}});
}

void SessionClient::RollBack(const std::string& session, int steps) {
  Ask({session, RollBackSession{steps}});
}

void SessionClient::Close(const std::string& session) { Ask({session, CloseSession()}); }

// --- whole traces --------------------------------------------------------------------------------

StreamedScoring::StreamedScoring(const ClientOptions& options, Emit emit)
    : options_(options), emit_(std::move(emit)), stream_(options) {
  const v1::DescribeModelResponse server = Connection(options).Describe();
  const StreamLimits limits = ToStreamLimits(server.stream());
  if (limits.max_unanswered == 0) {
    throw Error(ErrorCode::kUnimplemented,
                StrCat("server ", options.server, ": no streams; expected a newer server"));
  }
  sessions_at_once_ = std::max(
      1, std::min({options.traces_per_call, limits.max_stream_sessions, limits.max_unanswered}));
  constexpr int kFramingBytes = 64;  // maximum size of a message without its text
  max_text_bytes_ = server.limits().max_message_bytes() - kFramingBytes;
}

void StreamedScoring::Add(const Trace& trace) {
  while (int(under_way_.size()) >= sessions_at_once_) TakeReply();
  Trail& trail = trails_.emplace_back();
  trail.session = std::to_string(next_session_++);
  trail.trace = trace;
  trail.line.id = trace.id;
  try {
    CheckSize(trace);
  } catch (const Error& error) {
    trail.line = MakeErrorLine(trace.id, error);
    trail.answered = true;
    return EmitAnswered();
  }
  under_way_[trail.session] = &trail;
  Ask(trail, {trail.session, SessionOptions{.problem = trace.problem, .model = options_.model}});
}

// Refuses here what would otherwise end the stream.
void StreamedScoring::CheckSize(const Trace& trace) const {
  if (trace.steps.empty()) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("trace ", trace.id, ": no steps"));
  }
  size_t longest = trace.problem.size();
  for (const Step& step : trace.steps) longest = std::max(longest, step.text.size());
  if (int64_t(longest) <= max_text_bytes_) return;
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("trace ", trace.id, ": a text of ", longest,
                     " bytes; the server takes at most ", max_text_bytes_));
}

void StreamedScoring::Flush() {
  while (!under_way_.empty()) TakeReply();
}

void StreamedScoring::Ask(Trail& trail, StreamRequest request) {
  trail.request = std::move(request);
  trail.attempts = 1;
  stream_.Send(trail.request);
}

void StreamedScoring::TakeReply() {
  StreamReply reply = stream_.Receive();
  const auto found = under_way_.find(reply.session);
  if (found == under_way_.end()) {
    throw Error(ErrorCode::kDataLoss, StrCat("server ", options_.server, ": a reply to request ",
                                             reply.request, " for an unknown session"));
  }
  Take(*found->second, std::move(reply));
  EmitAnswered();
}

void StreamedScoring::Take(Trail& trail, StreamReply reply) {
  const auto* error = std::get_if<Error>(&reply.outcome);
  if (error != nullptr && Retries(trail, *error)) return;
  const bool was_open = std::holds_alternative<SessionOptions>(trail.request.operation);
  const bool was_close = std::holds_alternative<CloseSession>(trail.request.operation);
  ScoreLine& line = trail.line;
  if (const auto* step = std::get_if<Appended>(&reply.outcome)) {
    line.scores.Add(step->score);
    line.aggregate = step->aggregate;
    line.first_error = step->first_error;
    line.tokens = step->tokens;
  } else if (error != nullptr && !was_close) {
    line =
        MakeErrorLine(trail.trace.id,
                      Error(error->code(), StrCat("trace ", trail.trace.id, ": ", error->what())));
  }
  if (was_close || (was_open && error != nullptr)) {
    trail.answered = true;
    under_way_.erase(trail.session);
  } else if (error != nullptr || line.scores.size() == trail.trace.steps.size()) {
    Ask(trail, {trail.session, CloseSession()});
  } else {
    const int next = int(line.scores.size());
    Ask(trail, {trail.session, AppendText{trail.trace.steps[size_t(next)].text, true, true, next}});
  }
}

// The server is full for now.
bool StreamedScoring::Retries(Trail& trail, const Error& error) {
  if (error.code() != ErrorCode::kResourceExhausted || trail.attempts >= options_.attempts) {
    return false;
  }
  options_.sleep(RetryDelay(trail.attempts++, 0));
  stream_.Send(trail.request);
  return true;
}

void StreamedScoring::EmitAnswered() {
  while (!trails_.empty() && trails_.front().answered) {
    emit_(std::move(trails_.front().line));
    trails_.pop_front();
  }
}

}  // namespace prm
