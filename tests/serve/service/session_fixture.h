// A stream's sessions without gRPC: a sink that keeps replies, the parts that streams share, a
// client.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "serve/service/session_service.h"
#include "tests/serve/fake_scorer.h"

namespace prm {

using Strings = std::vector<std::string>;

// Keeps a stream's replies. Any thread.
class RecordingSink : public StreamSink {
 public:
  // False: replies stay unwritten, as those of a client that does not read.
  explicit RecordingSink(bool writes) : writes_(writes) {}

  void Send(StreamReply reply) override {
    {
      std::lock_guard lock(mutex_);
      replies_.push_back(std::move(reply));
      changed_.notify_all();
    }
    if (writes_) stream->Written();
  }
  void ReadNext() override {
    std::lock_guard lock(mutex_);
    ++reads_;
    changed_.notify_all();
  }
  void Cut(const Error& why) override {
    std::lock_guard lock(mutex_);
    cuts_.push_back(why);
  }
  void End(const CallRecord& record) override {
    std::lock_guard lock(mutex_);
    EXPECT_FALSE(record_) << "a second end";
    record_ = record;
    changed_.notify_all();
  }

  // The first `count` replies, in the order of sending.
  std::vector<StreamReply> Await(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return replies_.size() >= count; });
    return replies_;
  }
  // All replies, when the stream has ended.
  std::vector<StreamReply> AwaitEnd(CallRecord* record = nullptr) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return record_.has_value(); });
    if (record != nullptr) *record = *record_;
    return replies_;
  }
  void AwaitReads(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return reads_ >= count; });
  }
  int reads() {
    std::lock_guard lock(mutex_);
    return reads_;
  }
  std::vector<Error> cuts() {
    std::lock_guard lock(mutex_);
    return cuts_;
  }

  SessionService* stream = nullptr;

 private:
  const bool writes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<StreamReply> replies_;
  int reads_ = 0;
  std::vector<Error> cuts_;
  std::optional<CallRecord> record_;
};

inline StreamLimits TestLimits() {
  StreamLimits limits;
  limits.max_unanswered = 1 << 20;
  return limits;
}

// The server parts that streams share.
class Desk {
 public:
  explicit Desk(std::shared_ptr<Gate> gate = nullptr, const BatcherOptions& options = {},
                int sessions = 1000, int64_t kept_bytes = 1 << 20)
      : places(sessions), bytes(kept_bytes), batcher(options, OneScorer(Scorer(std::move(gate)))) {}

  StreamParts Parts(const StreamLimits& limits, uint64_t client = 0) {
    StreamParts parts;
    parts.rules = &rules;
    parts.batcher = &batcher;
    parts.pool = &pool;
    parts.sessions = &places;
    parts.bytes = &bytes;
    parts.client = client;
    parts.limits = limits;
    parts.now = [this] { return SteadyTime(std::chrono::seconds(seconds.load())); };
    return parts;
  }
  // The number of traces of each batch so far.
  std::vector<size_t> batches() {
    std::lock_guard lock(mutex_);
    return batches_;
  }

  const FakeScorer model;
  std::atomic<int> seconds = 1000;
  SessionRules rules = SessionRules(model, 6, 200);
  Shares places, bytes;
  Batcher batcher;
  ThreadPool pool{2};

 private:
  std::unique_ptr<StepScorer> Scorer(std::shared_ptr<Gate> gate) {
    auto scorer = std::make_unique<FakeScorer>(std::move(gate));
    scorer->on_score = [this](std::span<const TraceTokens> traces) {
      std::lock_guard lock(mutex_);
      batches_.push_back(traces.size());
      for (const TraceTokens& trace : traces) EXPECT_EQ(trace.step_reads.size(), 1u);
    };
    return scorer;
  }

  std::mutex mutex_;
  std::vector<size_t> batches_;
};

// A stream and its client. Ends the stream in its destructor.
class Client {
 public:
  explicit Client(Desk& desk, const StreamLimits& limits = TestLimits(), bool reads = true,
                  uint64_t client = 0)
      : sink(reads), stream(desk.Parts(limits, client), &sink) {
    sink.stream = &stream;
  }
  ~Client() {
    stream.Cancel(Error(ErrorCode::kCancelled, "the test is over"));
    sink.AwaitEnd();
  }
  template <class Operation>
  void Send(const std::string& session, Operation operation) {
    Take(10, session, operation);
  }
  // As a message of `bytes`.
  template <class Operation>
  void Take(int64_t bytes, const std::string& session, Operation operation) {
    stream.Take(bytes, [=] { return StreamRequest{session, operation}; });
  }
  void Open(const std::string& session) { Send(session, SessionOptions{"problem", {}, ""}); }
  void Step(const std::string& session, const std::string& text, std::optional<int> index = {}) {
    Send(session, AppendText{text, true, false, index});
  }
  void Piece(const std::string& session, const std::string& text, bool end = false) {
    Send(session, AppendText{text, false, end, {}});
  }
  // The replies to all requests sent.
  std::vector<StreamReply> Finish(CallRecord* record = nullptr) {
    stream.NoMore();
    return sink.AwaitEnd(record);
  }

  RecordingSink sink;
  SessionService stream;
};

inline std::string Shown(const StreamReply& reply) {
  std::string shown = StrCat(reply.request, " ", reply.session, " ", reply.steps);
  if (reply.more) shown += " more";
  if (const auto* error = std::get_if<Error>(&reply.outcome)) {
    return StrCat(shown, " ", StatusName(error->code()));
  }
  if (const auto* score = std::get_if<Appended>(&reply.outcome)) {
    return StrCat(shown, " score ", score->index);
  }
  return shown;
}

// In the order of their requests.
inline std::vector<StreamReply> InOrder(std::vector<StreamReply> replies) {
  std::stable_sort(replies.begin(), replies.end(),
                   [](const auto& a, const auto& b) { return a.request < b.request; });
  return replies;
}

inline Strings ShownInOrder(const std::vector<StreamReply>& replies) {
  Strings shown;
  for (const StreamReply& reply : InOrder(replies)) shown.push_back(Shown(reply));
  return shown;
}

inline std::string MessageIn(const StreamReply& reply) {
  const auto* error = std::get_if<Error>(&reply.outcome);
  return error != nullptr ? error->what() : "(no error)";
}

}  // namespace prm
