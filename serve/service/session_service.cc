#include "serve/service/session_service.h"

#include <algorithm>
#include <utility>

#include "data/error.h"
#include "serve/service/session_requests.h"
#include "serve/wire/diagnostics.h"

namespace prm {
namespace {

// Closed sessions that a stream remembers, to tell them from sessions that never existed.
constexpr size_t kMaxGone = 1024;

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

// Returns the error that `action` throws.
std::optional<Error> ErrorIn(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return Error(ErrorCode::kInternal, error.what());
  }
  return std::nullopt;
}

int64_t Microseconds(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
}

bool LastsFor(int seconds, SteadyTime since, SteadyTime now) {
  return now - since >= std::chrono::seconds(seconds);
}

}  // namespace

struct SessionService::Pending {
  int64_t number = 0;
  int64_t bytes = 0;
  Held held;                            // its bytes, until it is answered
  std::function<StreamRequest()> read;  // empty after its call
  StreamRequest request;
  std::optional<Error> refused;  // if there was no room for it: the answer in its turn
  bool in_batcher = false;
  int64_t tokenize_us = 0;  // for its last step
};

SessionService::SessionService(const StreamParts& parts, StreamSink* sink)
    : parts_(parts), sink_(sink), last_used_(parts_.now()) {}

// --- from any thread -----------------------------------------------------------------------------

void SessionService::Take(int64_t bytes, std::function<StreamRequest()> read) {
  auto pending = std::make_shared<Pending>();
  pending->bytes = bytes;
  pending->held = Held(parts_.bytes, parts_.client);
  if (!pending->held.Set(bytes)) {
    pending->refused = QueueFull(parts_.bytes->Refusal(parts_.client, "bytes of requests"),
                                 parts_.batcher->retry_after());
  }
  pending->read = std::move(read);
  bool next = false;
  {
    std::lock_guard lock(mutex_);
    reading_ = false;
    if (closed_) return;
    pending->number = next_number_++;
    ++unanswered_;
    unanswered_bytes_ += bytes;
    inbox_.push_back({std::move(pending), std::nullopt, {}});
    WakeLocked();
    next = ResumesLocked();
  }
  if (next) sink_->ReadNext();
}

void SessionService::Written() {
  bool next = false;
  {
    std::lock_guard lock(mutex_);
    --unwritten_;
    last_written_ = parts_.now();
    next = ResumesLocked();
  }
  if (next) sink_->ReadNext();
}

void SessionService::NoMore() { Close(std::nullopt, false); }

void SessionService::Drain() {
  Close(Error(ErrorCode::kUnavailable, "the server is draining and takes no new work"), false);
}

void SessionService::Cancel(const Error& why) { Close(why, true); }

void SessionService::Close(const std::optional<Error>& why, bool cancel) {
  std::lock_guard lock(mutex_);
  if (ended_ || (closed_ && !cancel)) return;
  if (!end_status_) end_status_ = why;
  closed_ = true;
  if (cancel) cancelled_->store(true, std::memory_order_relaxed);
  WakeLocked();
}

void SessionService::Tick() {
  const SteadyTime now = parts_.now();
  std::optional<Error> cut;
  {
    std::lock_guard lock(mutex_);
    const bool at_bound = closed_ || !reading_;
    if (!cut_ && at_bound && unwritten_ > 0 &&
        LastsFor(parts_.limits.stalled_seconds, last_written_, now)) {
      cut = Error(ErrorCode::kResourceExhausted,
                  StrCat(unwritten_, " unread replies and none was read for ",
                         parts_.limits.stalled_seconds, " s; expected a client that reads"));
      // Set before the sink's Cut, which may cause another status.
      if (!end_status_) end_status_ = cut;
      cut_ = closed_ = true;
    } else if (!ended_) {
      inbox_.push_back({});
      WakeLocked();
    }
  }
  if (!cut) return;
  sink_->Cut(*cut);
  Cancel(*cut);
}

void SessionService::Post(Event event) {
  std::lock_guard lock(mutex_);
  if (event.scores) --in_batcher_;
  inbox_.push_back(std::move(event));
  WakeLocked();
}

void SessionService::WakeLocked() {
  if (!std::exchange(running_, true)) PostRunLocked();
}

void SessionService::PostRunLocked() {
  parts_.pool->Post([this] { Run(); }, TextWork(unanswered_bytes_));
}

bool SessionService::ResumesLocked() {
  const bool full = unanswered_ + unwritten_ >= parts_.limits.max_unanswered ||
                    unanswered_bytes_ >= parts_.limits.max_unanswered_bytes;
  if (reading_ || closed_ || full) return false;
  reading_ = true;
  return true;
}

// --- on the pool, one at a time ------------------------------------------------------------------

// Events that arrive meanwhile are posted as a new task, so that other streams and calls get turns.
void SessionService::Run() {
  std::deque<Event> events;
  {
    std::lock_guard lock(mutex_);
    events.swap(inbox_);
  }
  for (Event& event : events) Handle(event);
  {
    std::lock_guard lock(mutex_);
    if (!inbox_.empty()) return PostRunLocked();
    ended_ = closed_ && in_batcher_ == 0;
    running_ = ended_;
    if (!ended_) return;
  }
  End();
}

// The stream may be destroyed when the sink's End returns.
void SessionService::End() {
  lanes_.clear();
  record_.error = end_status_;
  sink_->End(record_);
}

void SessionService::Handle(Event& event) {
  if (cancelled_->load(std::memory_order_relaxed)) return;
  if (!event.pending) return ExpireIdle();
  if (event.scores) return TakeScores(event.pending, *event.scores, event.times);
  Read(event.pending);
}

void SessionService::Read(const PendingPtr& pending) {
  const std::optional<Error> refused = ErrorIn([&] {
    StreamRequest request = std::exchange(pending->read, nullptr)();
    CheckId(request.session);
    if (pending->refused) Forget(*pending->refused, &request);
    pending->request = std::move(request);
  });
  last_used_ = parts_.now();
  if (refused) return Fail(*pending, *refused);
  const std::vector<std::string> ids = NamedIn(pending->request);
  for (const std::string& id : ids) lanes_[id].waiting.push_back(pending);
  Advance({ids[0]});
}

bool SessionService::IsFirstEverywhere(const PendingPtr& pending) {
  const std::vector<std::string> ids = NamedIn(pending->request);
  return std::all_of(ids.begin(), ids.end(),
                     [&](const std::string& id) { return lanes_[id].waiting.front() == pending; });
}

void SessionService::Advance(std::vector<std::string> ids) {
  while (!ids.empty()) {
    const auto lane = lanes_.find(ids.back());
    ids.pop_back();
    if (lane == lanes_.end()) continue;
    if (lane->second.waiting.empty()) {
      if (!lane->second.session) lanes_.erase(lane);
      continue;
    }
    const PendingPtr first = lane->second.waiting.front();
    if (first->in_batcher || !IsFirstEverywhere(first)) continue;
    CarryOut(first);
    if (!first->in_batcher) Leave(*first, &ids);
  }
}

void SessionService::Leave(const Pending& pending, std::vector<std::string>* ids) {
  for (std::string& id : NamedIn(pending.request)) {
    Lane& lane = lanes_[id];
    lane.waiting.pop_front();
    if (lane.session) lane.bytes.Set(lane.session->size_bytes());
    lane.last_used = last_used_ = parts_.now();
    ids->push_back(std::move(id));
  }
}

void SessionService::CarryOut(const PendingPtr& pending) {
  const std::string& id = pending->request.session;
  const auto done = [&] { Reply(*pending, Done(), false); };
  const Overloaded carry_out{
      [&](const SessionOptions& options) {
        Open(id, [&] { return Session(*parts_.rules, options); });
        done();
      },
      [&](const ForkSession& fork) {
        Open(id, [&] {
          const Session* const from = Find(fork.from);
          if (from == nullptr) {
            throw Error(ErrorCode::kNotFound,
                        StrCat("no session ", fork.from, " to fork: ", WhyGone(fork.from)));
          }
          return from->Fork(fork.steps.value_or(from->steps()));
        });
        done();
      },
      [&](const RollBackSession& roll_back) {
        Live(id).RollBack(roll_back.steps);
        done();
      },
      [&](const CloseSession&) {
        Live(id);
        EndSession(id, "it was closed");
        done();
      },
      [&](const AppendText&) { Append(pending, Live(id)); },
      [&](const Error& wrong) { throw wrong; },
  };
  const auto refused = ErrorIn([&] { std::visit(carry_out, pending->request.operation); });
  if (refused) Fail(*pending, *refused);
}

void SessionService::Open(const std::string& id, const std::function<Session()>& make) {
  Lane& lane = lanes_[id];
  if (lane.session) {
    throw Error(ErrorCode::kAlreadyExists, "it is open already; expected a new name");
  }
  if (sessions_ >= parts_.limits.max_stream_sessions) {
    throw Error(ErrorCode::kResourceExhausted,
                StrCat("the stream has ", sessions_, " sessions, its maximum; close one"));
  }
  Held place(parts_.sessions, parts_.client);
  if (!place.Set(1)) {
    throw QueueFull(parts_.sessions->Refusal(parts_.client, "sessions"),
                    parts_.batcher->retry_after());
  }
  auto session = std::make_unique<Session>(make());
  Held bytes(parts_.bytes, parts_.client);
  Charge(*session, &bytes);
  lane.session = std::move(session);
  lane.place = std::move(place);
  lane.bytes = std::move(bytes);
  ++sessions_;
  ++record_.traces;
  gone_.erase(id);
}

void SessionService::Append(const PendingPtr& pending, Session& session) {
  const auto& append = std::get<AppendText>(pending->request.operation);
  const auto refused = ErrorIn([&] {
    if (pending->refused) throw *pending->refused;
    CheckOrder(append, session);
    if (append.whole_step) return Submit(pending, session, append.text);
    session.AddText(append.text);
    Charge(session, &lanes_[pending->request.session].bytes);
    const std::optional<std::string> step = session.NextStep(append.end_of_step);
    if (!step) return Reply(*pending, Done(), false);
    Submit(pending, session, *step);
  });
  if (refused) FailAppend(*pending, session, *refused);
}

void SessionService::Submit(const PendingPtr& pending, Session& session, std::string_view step) {
  BatchItem item;
  item.first_step = session.steps();
  const SteadyTime start = parts_.now();
  item.tokens = session.Begin(step);
  pending->tokenize_us = Microseconds(start, parts_.now());
  item.deadline = parts_.deadline;
  item.priority = Priority::kAppend;
  item.client = parts_.client;
  item.cancelled = cancelled_;
  item.done = [this, pending](Result<TraceScores> scores, const WorkTimes& times) {
    Post({pending, std::move(scores), times});
  };
  {
    std::lock_guard lock(mutex_);
    ++in_batcher_;
  }
  pending->in_batcher = true;
  std::vector<BatchItem> items;
  items.push_back(std::move(item));
  try {
    Charge(session, &lanes_[pending->request.session].bytes);
    parts_.batcher->Submit(std::move(items));
  } catch (...) {
    session.Abandon();
    pending->in_batcher = false;
    std::lock_guard lock(mutex_);
    --in_batcher_;
    throw;
  }
}

void SessionService::TakeScores(const PendingPtr& pending, const Result<TraceScores>& scores,
                                const WorkTimes& times) {
  const auto& append = std::get<AppendText>(pending->request.operation);
  Session& session = *lanes_[pending->request.session].session;
  pending->in_batcher = false;
  record_.queue_us = std::max(record_.queue_us, times.queue_us);
  record_.compute_us = std::max(record_.compute_us, times.compute_us);
  const auto refused = ErrorIn([&] {
    if (!scores.ok()) session.Abandon();
    const Appended step = session.Commit(scores.value());
    record_.tokens += step.tokens_computed;
    if (parts_.on_step) parts_.on_step(step);
    std::optional<std::string> next;
    if (!append.whole_step) next = session.NextStep(append.end_of_step);
    std::optional<Diagnostics> measured;
    if (session.diagnostics()) {
      measured = {std::string(BuildVersion()), pending->tokenize_us, times.queue_us,
                  times.compute_us};
    }
    Reply(*pending, step, next.has_value(), std::move(measured));
    if (next) Submit(pending, session, *next);
  });
  if (refused) FailAppend(*pending, session, *refused);
  if (pending->in_batcher) return;
  std::vector<std::string> ids;
  Leave(*pending, &ids);
  Advance(std::move(ids));
}

// Reserves the bytes that the session keeps. Throws QueueFull if the client may hold no more.
void SessionService::Charge(const Session& session, Held* bytes) {
  if (bytes->Set(session.size_bytes())) return;
  throw QueueFull(parts_.bytes->Refusal(parts_.client, "bytes of requests and sessions"),
                  parts_.batcher->retry_after());
}

void SessionService::EndSession(const std::string& id, std::string why) {
  Lane& lane = lanes_[id];
  lane.session.reset();
  lane.bytes.Set(0);
  lane.place.Set(0);
  --sessions_;
  gone_[id] = std::move(why);
  gone_order_.push_back(id);
  if (gone_order_.size() <= kMaxGone) return;
  gone_.erase(gone_order_.front());
  gone_order_.pop_front();
}

void SessionService::ExpireIdle() {
  const SteadyTime now = parts_.now();
  const int limit = parts_.limits.session_idle_seconds;
  std::vector<std::string> idle;
  for (const auto& [id, lane] : lanes_) {
    if (lane.waiting.empty() && LastsFor(limit, lane.last_used, now)) idle.push_back(id);
  }
  for (const std::string& id : idle) {
    EndSession(id, StrCat("it expired after ", limit, " s without a request"));
    lanes_.erase(id);
    last_used_ = now;
  }
  const int stream_limit = parts_.limits.stream_idle_seconds;
  if (!lanes_.empty() || !LastsFor(stream_limit, last_used_, now)) return;
  Close(Error(ErrorCode::kUnavailable, StrCat("the stream had no session and no request for ",
                                              stream_limit, " s; open another when needed")),
        false);
}

Session* SessionService::Find(const std::string& id) {
  const auto lane = lanes_.find(id);
  return lane == lanes_.end() ? nullptr : lane->second.session.get();
}

Session& SessionService::Live(const std::string& id) {
  if (Session* session = Find(id)) return *session;
  throw Error(ErrorCode::kNotFound, WhyGone(id));
}

std::string SessionService::WhyGone(const std::string& id) const {
  const auto gone = gone_.find(id);
  return gone == gone_.end() ? "it was not opened on this stream" : gone->second;
}

void SessionService::FailAppend(Pending& pending, Session& session, const Error& error) {
  if (!std::get<AppendText>(pending.request.operation).whole_step) session.DropText();
  Fail(pending, error);
}

void SessionService::Fail(Pending& pending, const Error& error) {
  ++record_.failed_traces;
  const std::string& id = pending.request.session;
  const std::string where = id.empty() ? StrCat("request ", pending.number) : "session " + id;
  Reply(pending, Error(error.code(), StrCat(where, ": ", error.what())), false);
}

void SessionService::Reply(Pending& pending, std::variant<Done, Appended, Error> outcome, bool more,
                           std::optional<Diagnostics> diagnostics) {
  const Session* session = Find(pending.request.session);
  StreamReply reply{pending.number, pending.request.session, session ? session->steps() : 0,
                    more,           std::move(outcome),      std::move(diagnostics)};
  bool next = false;
  {
    std::lock_guard lock(mutex_);
    if (unwritten_++ == 0) last_written_ = parts_.now();
    if (!more) {
      pending.held.Set(0);
      --unanswered_;
      unanswered_bytes_ -= pending.bytes;
    }
    next = ResumesLocked();
  }
  sink_->Send(std::move(reply));
  if (next) sink_->ReadNext();
}

}  // namespace prm
