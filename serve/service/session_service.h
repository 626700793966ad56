// The sessions of one stream: requests in, replies out, without gRPC. Requests of one session are
// answered in their order; sessions do not wait for each other, so that their steps share batches.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "data/result.h"
#include "data/scores.h"
#include "serve/batching/batcher.h"
#include "serve/batching/shares.h"
#include "serve/service/call_record.h"
#include "serve/service/session.h"
#include "serve/service/thread_pool.h"
#include "serve/wire/session_messages.h"

namespace prm {

// The task length for parsing and tokenising `bytes` of requests.
inline TaskLength TextWork(int64_t bytes) {
  constexpr int64_t kLongBytes = 64 << 10;  // some 5 ms of tokenising
  return bytes > kLongBytes ? TaskLength::kLong : TaskLength::kShort;
}

// Borrowed by a stream; outlives it.
struct StreamParts {
  const SessionRules* rules = nullptr;
  Batcher* batcher = nullptr;
  ThreadPool* pool = nullptr;
  Shares* sessions = nullptr;
  Shares* bytes = nullptr;  // of unanswered requests and of sessions
  StreamLimits limits;
  SteadyTime deadline = SteadyTime::max();
  uint64_t client = 0;  // BatchItem::client
  std::function<SteadyTime()> now = [] { return std::chrono::steady_clock::now(); };
  // Called after every scored step on a pool's thread, under no lock; may be empty.
  std::function<void(const Appended&)> on_step;
};

// Receives a stream's replies. Called from any thread, under no lock; Send one call at a time.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  // Writes replies in the order of calls; SessionService::Written must follow for each.
  virtual void Send(StreamReply reply) = 0;
  // There is room for one more Take.
  virtual void ReadNext() = 0;
  // The client does not read: drops all unwritten replies. Called at most once, maybe after End.
  virtual void Cut(const Error& why) = 0;
  // Every accepted request was answered or dropped; only Cut may follow. `record` has the counts
  // and the status; the sink adds id and time.
  virtual void End(const CallRecord& record) = 0;
};

// One stream. Any thread may call any public method. It must live until the sink's End has begun
// and all other calls into it have returned.
class SessionService {
 public:
  // Borrows `sink`. Does not call ReadNext for the first request.
  SessionService(const StreamParts& parts, StreamSink* sink);
  SessionService(const SessionService&) = delete;
  SessionService& operator=(const SessionService&) = delete;

  // Accepts a request of `bytes`; `read` parses it on a pool thread, or throws. Ignored after
  // NoMore, Drain or Cancel.
  void Take(int64_t bytes, std::function<StreamRequest()> read);
  // A reply was written.
  void Written();

  // Three ways to end. The client sends no more: accepted requests are answered; status OK.
  void NoMore();
  // The server takes no more: accepted requests are answered; status UNAVAILABLE.
  void Drain();
  // Nobody waits for answers: requests that have not begun are dropped; status `why`.
  void Cancel(const Error& why);

  // Closes idle sessions, ends the stream if it is idle, cuts it if it is stalled. Call it
  // periodically.
  void Tick();

 private:
  struct Pending;
  using PendingPtr = std::shared_ptr<Pending>;
  // The state of one session id. A request waits in the lanes of all ids it names, and is executed
  // when it is the first in each.
  struct Lane {
    std::deque<PendingPtr> waiting;
    std::unique_ptr<Session> session;
    Held place, bytes;  // of the session
    SteadyTime last_used;
  };
  struct Event {
    PendingPtr pending;                         // null: a tick
    std::optional<Result<TraceScores>> scores;  // of pending's step; nullopt: a new request
    WorkTimes times;                            // of that step
  };

  void Post(Event event);
  void WakeLocked();
  void PostRunLocked();
  bool ResumesLocked();
  void Close(const std::optional<Error>& why, bool cancel);

  // On the pool, one at a time:
  void Run();
  void End();
  void Handle(Event& event);
  void Read(const PendingPtr& pending);
  void TakeScores(const PendingPtr& pending, const Result<TraceScores>& scores,
                  const WorkTimes& times);
  void Advance(std::vector<std::string> ids);
  bool IsFirstEverywhere(const PendingPtr& pending);
  void Leave(const Pending& pending, std::vector<std::string>* ids);
  void CarryOut(const PendingPtr& pending);
  void Open(const std::string& id, const std::function<Session()>& make);
  void Append(const PendingPtr& pending, Session& session);
  void Submit(const PendingPtr& pending, Session& session, std::string_view step);
  void Charge(const Session& session, Held* bytes);
  void EndSession(const std::string& id, std::string why);
  void ExpireIdle();
  Session& Live(const std::string& id);
  std::string WhyGone(const std::string& id) const;
  Session* Find(const std::string& id);
  void Reply(Pending& pending, std::variant<Done, Appended, Error> outcome, bool more,
             std::optional<Diagnostics> diagnostics = {});
  void FailAppend(Pending& pending, Session& session, const Error& error);
  void Fail(Pending& pending, const Error& error);

  const StreamParts parts_;
  StreamSink* const sink_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);

  std::mutex mutex_;
  // Guarded by mutex_:
  std::deque<Event> inbox_;
  bool running_ = false;  // Run is posted or running
  bool closed_ = false;   // accepts no more requests
  bool cut_ = false;      // the sink's Cut was called
  bool ended_ = false;    // Run will not run again
  std::optional<Error> end_status_;
  int in_batcher_ = 0;  // steps without outcome yet
  int unanswered_ = 0, unwritten_ = 0;
  int64_t unanswered_bytes_ = 0;
  bool reading_ = true;  // the sink is reading; false between Take and ReadNext
  int64_t next_number_ = 0;
  SteadyTime last_written_;  // or when the oldest unwritten reply was sent

  // Used only by Run, one at a time:
  std::map<std::string, Lane> lanes_;
  int sessions_ = 0;
  SteadyTime last_used_;  // time of the last request or of the last session's end
  // Why recently closed sessions are gone, by id.
  std::map<std::string, std::string> gone_;
  std::deque<std::string> gone_order_;
  CallRecord record_;
};

}  // namespace prm
