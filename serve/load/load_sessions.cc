#include "serve/load/load_sessions.h"

#include <algorithm>
#include <map>
#include <thread>

#include "serve/wire/session_codec.h"

namespace prm {

struct LoadSessions::Stream {
  using Calls = grpc::ClientReaderWriter<v1::StreamRequest, v1::StreamReply>;

  v1::ScoringService::Stub* stub = nullptr;
  // Created by Append's thread, which writes; `reader` reads.
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<Calls> calls;
  std::thread reader;
  // Guarded by mutex_:
  bool open = false;
  std::map<std::string, Session> sessions;
};

LoadSessions::LoadSessions(const std::vector<v1::ScoringService::Stub*>& stubs,
                           std::span<const Trace> traces, int sessions, End end)
    : traces_(traces), sessions_(size_t(sessions)), end_(std::move(end)) {
  for (auto* stub : stubs) {
    streams_.push_back(std::make_unique<Stream>());
    streams_.back()->stub = stub;
  }
}

void LoadSessions::EndStreamsAfter(std::chrono::duration<double> time) {
  constexpr std::chrono::duration<double> kMost(1e9);  // the clock's range
  give_up_ = std::chrono::system_clock::now() +
             std::chrono::duration_cast<std::chrono::system_clock::duration>(std::min(time, kMost));
}

LoadSessions::~LoadSessions() {
  Cancel();
  for (const auto& stream : streams_) {
    if (stream->reader.joinable()) stream->reader.join();
  }
}

void LoadSessions::Cancel() {
  std::lock_guard lock(mutex_);
  for (const auto& stream : streams_) {
    if (stream->open) stream->context->TryCancel();
  }
}

// Finds sessions by name, since they may end with their stream at any time.
void LoadSessions::Append(const LoadCall& call) {
  std::vector<Place> ended;
  std::optional<Turn> turn;
  {
    std::lock_guard lock(mutex_);
    turn = ContinueLocked(call, &ended);
  }
  // If a stream has ended, its reader ends all pending calls; a write then does nothing.
  const auto send = [](Stream* stream, const StreamRequest& request) {
    stream->calls->Write(ToMessage(request));
  };
  for (const auto& [stream, session] : ended) send(stream, {session, CloseSession()});
  if (!turn) turn = Begin(call);
  if (!turn) return end_(call, ErrorCode::kUnavailable);
  if (turn->step == 0) {
    send(turn->stream,
         {turn->session, SessionOptions{.problem = turn->trace->problem, .model = model_}});
  }
  const std::string& text = turn->trace->steps[size_t(turn->step)].text;
  send(turn->stream, {turn->session, AppendText{text, true, true, {}}});
}

// Returns nullopt if a session must begin. Removes sessions whose traces have ended.
std::optional<LoadSessions::Turn> LoadSessions::ContinueLocked(const LoadCall& call,
                                                               std::vector<Place>* ended) {
  size_t open = 0;
  for (const auto& stream : streams_) open += stream->sessions.size();
  while (!idle_.empty()) {
    const Place place = idle_.front();
    const auto& [stream, name] = place;
    const auto found = stream->sessions.find(name);
    const bool there = found != stream->sessions.end();  // false: it ended with its stream
    if (there && found->second.grows()) {
      if (open < sessions_) return std::nullopt;
      idle_.pop_front();
      return TakeTurnLocked(place, call);
    }
    idle_.pop_front();
    if (!there) continue;
    stream->sessions.erase(found);
    ended->push_back(place);
    --open;
  }
  if (open < sessions_) return std::nullopt;
  const std::optional<Place> busy = LeastBusyLocked();
  return busy ? std::optional(TakeTurnLocked(*busy, call)) : std::nullopt;
}

std::optional<LoadSessions::Place> LoadSessions::LeastBusyLocked() const {
  std::optional<Place> least;
  size_t waiting = 0;
  for (const auto& stream : streams_) {
    for (const auto& [name, session] : stream->sessions) {
      if (!session.grows() || (least && session.calls.size() >= waiting)) continue;
      least = Place(stream.get(), name);
      waiting = session.calls.size();
    }
  }
  return least;
}

LoadSessions::Turn LoadSessions::TakeTurnLocked(const Place& place, const LoadCall& call) {
  const auto& [stream, name] = place;
  Session& session = stream->sessions.at(name);
  session.calls.push_back(call);
  if (session.sent == 0) session.calls.back().kind = LoadKind::kFirst;
  return {stream, name, session.trace, session.sent++};
}

// Returns nullopt if the stream ended at once.
std::optional<LoadSessions::Turn> LoadSessions::Begin(const LoadCall& call) {
  Stream* const stream = streams_[begun_ % streams_.size()].get();
  const Trace* const trace = &traces_[begun_ % traces_.size()];
  const size_t steps = trace->steps.size();
  const size_t end =
      staggered_ && begun_ < sessions_ ? 1 + (steps - 1) * (begun_ + 1) / sessions_ : steps;
  const std::string name = std::to_string(begun_++);
  EnsureOpen(stream);
  std::lock_guard lock(mutex_);
  if (!stream->open) return std::nullopt;
  stream->sessions[name] = {.trace = trace, .end = int(end)};
  return TakeTurnLocked({stream, name}, call);
}

void LoadSessions::EnsureOpen(Stream* stream) {
  {
    std::lock_guard lock(mutex_);
    if (stream->open) return;
  }
  if (stream->reader.joinable()) stream->reader.join();
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(give_up_);
  stream->calls = stream->stub->ScoreStream(context.get());
  {
    std::lock_guard lock(mutex_);
    stream->context = std::move(context);
    stream->open = true;
  }
  stream->reader = std::thread([this, stream] { Read(stream); });
}

void LoadSessions::Read(Stream* stream) {
  // The code if the server ends the stream with OK before all calls are answered.
  ErrorCode code = ErrorCode::kUnavailable;
  try {
    for (v1::StreamReply message; stream->calls->Read(&message);) Answer(stream, ToReply(message));
  } catch (const Error& error) {  // a malformed reply
    code = error.code();
    stream->context->TryCancel();
  }
  const grpc::Status status = stream->calls->Finish();
  if (!status.ok() && code == ErrorCode::kUnavailable) code = ErrorCode(int(status.error_code()));
  EndAll(stream, code);
}

void LoadSessions::Answer(Stream* stream, const StreamReply& reply) {
  const auto* step = std::get_if<Appended>(&reply.outcome);
  const auto* error = std::get_if<Error>(&reply.outcome);
  if (step == nullptr && error == nullptr) return;  // the reply to an open or a close
  LoadCall call;
  {
    std::lock_guard lock(mutex_);
    const auto found = stream->sessions.find(reply.session);
    if (found == stream->sessions.end() || found->second.calls.empty()) return;
    Session& session = found->second;
    call = session.calls.front();
    session.calls.pop_front();
    if (step) {
      call.steps = 1;
      call.tokens = step->tokens - session.tokens;
      session.tokens = step->tokens;
    } else if (session.tokens == 0 || error->code() != ErrorCode::kResourceExhausted) {
      session.sent = session.end;  // sends no more steps
    }
    if (session.calls.empty()) idle_.emplace_back(stream, reply.session);
  }
  end_(call, error ? std::optional(error->code()) : std::nullopt);
}

void LoadSessions::EndAll(Stream* stream, ErrorCode code) {
  std::map<std::string, Session> sessions;
  {
    std::lock_guard lock(mutex_);
    stream->open = false;
    sessions.swap(stream->sessions);
  }
  for (const auto& [name, session] : sessions) {
    for (const LoadCall& call : session.calls) end_(call, code);
  }
}

}  // namespace prm
