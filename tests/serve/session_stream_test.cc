#include "serve/session_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <thread>

#include "data/metrics.h"
#include "tests/serve/fake_scorer.h"

#ifdef __SANITIZE_THREAD__
// Copies of an exception share their text by a count within libstdc++, which TSan does not see: it
// takes the last copy's end for a race with the use of the others.
extern "C" const char* __tsan_default_suppressions() {
  return "race:std::runtime_error::~runtime_error\n";
}
#endif

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Strings = std::vector<std::string>;

// Keeps what a stream says. Any thread.
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
  // All there are when the stream has ended.
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

  SessionStream* stream = nullptr;

 private:
  const bool writes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<StreamReply> replies_;
  int reads_ = 0;
  std::vector<Error> cuts_;
  std::optional<CallRecord> record_;
};

StreamLimits TestLimits() {
  StreamLimits limits;
  limits.max_unanswered = 1 << 20;
  return limits;
}

// The server's half that streams share.
class Desk {
 public:
  explicit Desk(std::shared_ptr<Gate> gate = nullptr, const BatcherOptions& options = {},
                int sessions = 1000)
      : places(sessions), batcher(options, OneScorer(Scorer(std::move(gate)))) {}

  StreamParts Parts(const StreamLimits& limits) {
    StreamParts parts;
    parts.rules = &rules;
    parts.batcher = &batcher;
    parts.pool = &pool;
    parts.places = &places;
    parts.limits = limits;
    parts.now = [this] { return SteadyTime(std::chrono::seconds(seconds.load())); };
    return parts;
  }
  // How many traces each batch had, so far.
  std::vector<size_t> batches() {
    std::lock_guard lock(mutex_);
    return batches_;
  }

  const FakeScorer model;
  std::atomic<int> seconds = 1000;
  SessionRules rules = SessionRules(model, 6, 200);
  SessionPlaces places;
  Batcher batcher;
  ThreadPool pool{2, 1};

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
  explicit Client(Desk& desk, const StreamLimits& limits = TestLimits(), bool reads = true)
      : sink(reads), stream(desk.Parts(limits), &sink) {
    sink.stream = &stream;
  }
  ~Client() {
    stream.Cancel(Error(ErrorCode::kCancelled, "the test is over"));
    sink.AwaitEnd();
  }
  template <class Operation>
  void Send(const std::string& session, Operation operation) {
    stream.Take(10, [=] { return StreamRequest{session, operation}; });
  }
  void Open(const std::string& session) { Send(session, SessionOptions{"problem", {}, ""}); }
  void Step(const std::string& session, const std::string& text, std::optional<int> index = {}) {
    Send(session, AppendText{text, true, false, index});
  }
  void Piece(const std::string& session, const std::string& text, bool end = false) {
    Send(session, AppendText{text, false, end, {}});
  }
  // The replies to all that was sent.
  std::vector<StreamReply> Finish(CallRecord* record = nullptr) {
    stream.NoMore();
    return sink.AwaitEnd(record);
  }

  RecordingSink sink;
  SessionStream stream;
};

std::string Shown(const StreamReply& reply) {
  std::string shown = StrCat(reply.request, " ", reply.session, " ", reply.steps);
  if (reply.more) shown += " more";
  if (const auto* error = std::get_if<Error>(&reply.outcome)) {
    return StrCat(shown, " ", StatusName(error->code()));
  }
  if (const auto* score = std::get_if<StepScore>(&reply.outcome)) {
    return StrCat(shown, " score ", score->index);
  }
  return shown;
}

// In the order of their requests.
std::vector<StreamReply> InOrder(std::vector<StreamReply> replies) {
  std::stable_sort(replies.begin(), replies.end(),
                   [](const auto& a, const auto& b) { return a.request < b.request; });
  return replies;
}

Strings ShownInOrder(const std::vector<StreamReply>& replies) {
  Strings shown;
  for (const StreamReply& reply : InOrder(replies)) shown.push_back(Shown(reply));
  return shown;
}

std::string MessageIn(const StreamReply& reply) {
  const auto* error = std::get_if<Error>(&reply.outcome);
  return error != nullptr ? error->what() : "(no error)";
}

// --- the naive model: whole traces, scored at once -----------------------------------------------

struct NaiveSession {
  std::string problem;
  double threshold = 0.5;
  Strings steps;
  std::string text;
  bool lost = false;
};

// What the replies must be, request by request in the order of sending.
class NaiveStream {
 public:
  explicit NaiveStream(const SessionRules& rules) : rules_(rules) {}

  void Do(const StreamRequest& request) {
    session_ = request.session;
    std::visit([&](const auto& operation) { Do(operation); }, request.operation);
    ++number_;
  }
  const std::vector<StreamReply>& expected() const { return expected_; }

 private:
  void Reply(std::variant<Done, StepScore, Error> outcome, bool more = false) {
    const auto found = sessions_.find(session_);
    const int steps = found == sessions_.end() ? 0 : int(found->second.steps.size());
    expected_.push_back({number_, session_, steps, more, std::move(outcome)});
  }
  void Refuse(ErrorCode code) { Reply(Error(code, "")); }
  NaiveSession* Find(const std::string& id) {
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : &found->second;
  }

  void Do(const SessionOptions& open) {
    if (Find(session_)) return Refuse(ErrorCode::kAlreadyExists);
    sessions_[session_] = {open.problem, open.threshold.value_or(rules_.threshold), {}, "", false};
    Reply(Done());
  }
  void Do(const ForkSession& fork) {
    const NaiveSession* from = Find(fork.from);
    if (Find(session_)) return Refuse(ErrorCode::kAlreadyExists);
    if (!from) return Refuse(ErrorCode::kNotFound);
    const int steps = fork.steps.value_or(int(from->steps.size()));
    if (steps < 0 || steps > int(from->steps.size())) return Refuse(ErrorCode::kOutOfRange);
    NaiveSession copy = *from;
    copy.steps.resize(size_t(steps));
    copy.text.clear();
    copy.lost = false;
    sessions_[session_] = std::move(copy);
    Reply(Done());
  }
  void Do(const RollBackSession& back) {
    NaiveSession* s = Find(session_);
    if (!s) return Refuse(ErrorCode::kNotFound);
    if (back.steps < 0 || back.steps > int(s->steps.size())) return Refuse(ErrorCode::kOutOfRange);
    s->steps.resize(size_t(back.steps));
    s->text.clear();
    s->lost = false;
    Reply(Done());
  }
  void Do(const CloseSession&) {
    if (!Find(session_)) return Refuse(ErrorCode::kNotFound);
    sessions_.erase(session_);
    Reply(Done());
  }
  void Do(const Error&) {}
  void Do(const AppendText& append) {
    NaiveSession* s = Find(session_);
    if (!s) return Refuse(ErrorCode::kNotFound);
    Strings steps;
    std::optional<ErrorCode> refused;
    if (append.index && *append.index != int(s->steps.size())) {
      refused = ErrorCode::kFailedPrecondition;
    } else if (append.whole_step) {
      if (!s->text.empty()) refused = ErrorCode::kFailedPrecondition;
      steps = {append.text};
    } else if (s->lost) {
      refused = ErrorCode::kFailedPrecondition;
    } else {
      steps = StepsOfPiece(s, append);
    }
    if (!refused && steps.empty()) return Reply(Done());
    for (size_t i = 0; i < steps.size() && !refused; ++i) {
      if (IsBad(steps[i]) || int(s->steps.size()) >= rules_.max_steps) {
        refused = ErrorCode::kInvalidArgument;
      } else {
        s->steps.push_back(steps[i]);
        Reply(ScoreOf(*s), i + 1 < steps.size());
      }
    }
    if (!refused) return;
    if (!append.whole_step) s->text.clear();
    s->lost |= !append.whole_step;
    Refuse(*refused);
  }
  static bool IsBad(const std::string& step) {
    return IsBlank(step) || step.find('\x01') != std::string::npos || FindInvalidUtf8(step);
  }
  static Strings StepsOfPiece(NaiveSession* s, const AppendText& append) {
    s->text += append.text;
    Strings steps;
    for (size_t at; (at = s->text.find('\n')) != std::string::npos;) {
      steps.push_back(s->text.substr(0, at));
      s->text = s->text.substr(at + 1);
    }
    if (append.end_of_step) steps.push_back(std::exchange(s->text, ""));
    std::erase_if(steps, [](const std::string& step) { return IsBlank(step); });
    return steps;
  }
  StepScore ScoreOf(const NaiveSession& s) const {
    Trace trace;
    trace.problem = s.problem;
    for (const std::string& step : s.steps) trace.steps.push_back({step, {}, {}});
    const TraceTokens tokens = TokenizeTrace(rules_.format, rules_.tokenizer, trace);
    const StepScores scores = FakeScores(tokens);
    StepScore score;
    score.index = int(s.steps.size()) - 1;
    score.p_correct = scores.p_correct.back();
    score.label_probs = scores.label_probs.back();
    score.aggregate = Aggregate(scores.p_correct);
    score.first_error = FirstErrorBelow(scores.p_correct, s.threshold);
    score.tokens = int(tokens.ids.size());
    return score;
  }

  const SessionRules& rules_;
  std::map<std::string, NaiveSession> sessions_;
  std::string session_;
  int64_t number_ = 0;
  std::vector<StreamReply> expected_;
};

class RandomRequests {
 public:
  explicit RandomRequests(uint32_t seed) : random_(seed) {}

  StreamRequest Next() {
    StreamRequest request;
    request.session = Name();
    switch (Below(16)) {
      case 0:
      case 1:
      case 2:
        request.operation = SessionOptions{StrCat("problem ", Below(3)), Threshold(), ""};
        break;
      case 3:
      case 4:
        request.operation = ForkSession{Name(), Steps()};
        break;
      case 5:
      case 6:
        request.operation = RollBackSession{Steps().value_or(0)};
        break;
      case 7:
        request.operation = CloseSession();
        break;
      case 8:
      case 9:
      case 10:
        request.operation = AppendText{Text(), false, Below(2) == 0, Index()};
        break;
      default:
        request.operation = AppendText{Text(), true, false, Index()};
    }
    return request;
  }

 private:
  int Below(int bound) { return int(random_() % uint32_t(bound)); }
  std::string Name() { return std::string(1, char('a' + Below(5))); }
  std::optional<int> Steps() { return Below(3) == 0 ? std::nullopt : std::optional(Below(6) - 1); }
  std::optional<int> Index() { return Below(8) > 0 ? std::nullopt : std::optional(Below(4)); }
  std::optional<double> Threshold() {
    return Below(2) == 0 ? std::nullopt : std::optional(Below(11) / 10.0);
  }
  std::string Text() {
    static const Strings kParts = {"one", "two ", "\n", "x", "\xce\xba", " ", "y = 3", "\n\n"};
    std::string text;
    for (int part = 1 + Below(4); part > 0; --part) text += kParts[size_t(Below(8))];
    if (Below(12) == 0) text += '\x01';  // poison
    if (Below(20) == 0) text.clear();
    if (Below(20) == 0) text += '\xff';
    return text;
  }
  std::mt19937 random_;
};

void ExpectSame(const StreamReply& reply, const StreamReply& expected) {
  EXPECT_EQ(Shown(reply), Shown(expected)) << MessageIn(reply);
  const auto* score = std::get_if<StepScore>(&reply.outcome);
  const auto* other = std::get_if<StepScore>(&expected.outcome);
  if (score == nullptr || other == nullptr) return;
  EXPECT_EQ(score->p_correct, other->p_correct);
  EXPECT_EQ(score->label_probs, other->label_probs);
  EXPECT_EQ(score->aggregate, other->aggregate);
  EXPECT_EQ(score->first_error, other->first_error);
  EXPECT_EQ(score->tokens, other->tokens);
}

TEST(SessionStream, AnyOperationsGiveWhatScoringWholeTracesGives) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    Desk desk;
    Client client(desk);
    NaiveStream naive(desk.rules);
    RandomRequests requests(seed);
    for (int i = 0; i < 150; ++i) {
      const StreamRequest request = requests.Next();
      client.stream.Take(10, [=] { return request; });
      naive.Do(request);
    }
    std::vector<StreamReply> replies = client.Finish();
    std::map<std::string, int64_t> last;
    for (const StreamReply& reply : replies) {
      EXPECT_GE(reply.request, last[reply.session]) << "answers of a session change places";
      last[reply.session] = reply.request;
    }
    replies = InOrder(std::move(replies));
    ASSERT_EQ(replies.size(), naive.expected().size());
    for (size_t i = 0; i < replies.size(); ++i) ExpectSame(replies[i], naive.expected()[i]);
    EXPECT_EQ(desk.places.taken(), 0);
    if (HasFailure()) return;
  }
}

// --- order and batches ---------------------------------------------------------------------------

TEST(SessionStream, SessionsDoNotWaitForEachOtherAndShareABatch) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  Client client(desk);
  for (const char* id : {"a", "b", "c", "d"}) client.Open(id);
  client.Step("a", "one");
  gate->AwaitArrivals(1);
  for (const char* id : {"a", "b", "c", "d"}) client.Step(id, "two");
  client.Send("b", CloseSession());
  client.Open("e");
  EXPECT_EQ(Shown(client.sink.Await(5)[4]), "10 e 0");  // behind no step
  gate->Open();
  EXPECT_THAT(ShownInOrder(client.Finish()),
              ElementsAre("0 a 0", "1 b 0", "2 c 0", "3 d 0", "4 a 1 score 0", "5 a 2 score 1",
                          "6 b 1 score 0", "7 c 1 score 0", "8 d 1 score 0", "9 b 0", "10 e 0"));
  EXPECT_GE(desk.batches().at(1), 3u);  // b, c and d; a's second step comes behind its first
}

TEST(SessionStream, AForkWaitsForWhatWasAskedOfItsOrigin) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  Client client(desk);
  client.Open("a");
  client.Step("a", "one");
  client.Send("b", ForkSession{"a", {}});
  client.Step("b", "two");
  client.Step("a", "other");
  client.Send("a", ForkSession{"b", {}});
  client.Send("a", CloseSession());
  client.Send("a", ForkSession{"b", 1});
  gate->AwaitArrivals(1);
  gate->Open();
  EXPECT_THAT(ShownInOrder(client.Finish()),
              ElementsAre("0 a 0", "1 a 1 score 0", "2 b 1", "3 b 2 score 1", "4 a 2 score 1",
                          "5 a 2 ALREADY_EXISTS", "6 a 0", "7 a 1"));
}

TEST(SessionStream, APieceGetsAReplyForEveryStepItCompletes) {
  Desk desk;
  Client client(desk);
  client.Open("a");
  client.Piece("a", "one\ntwo\n\nthr");
  client.Piece("a", "ee \xce");
  client.Piece("a", "\xba", true);
  client.Piece("a", " \n ", true);
  EXPECT_THAT(ShownInOrder(client.Finish()),
              ElementsAre("0 a 0", "1 a 1 more score 0", "1 a 2 score 1", "2 a 2", "3 a 3 score 2",
                          "4 a 3"));
}

// --- errors --------------------------------------------------------------------------------------

// The replies of requests after "open a" and "step one of a".
std::vector<StreamReply> RepliesTo(const std::function<void(Client&)>& requests) {
  Desk desk;
  Client client(desk);
  client.Open("a");
  client.Step("a", "one");
  requests(client);
  std::vector<StreamReply> replies = InOrder(client.Finish());
  replies.erase(replies.begin(), replies.begin() + 2);
  return replies;
}

TEST(SessionStream, WhatIsWrongIsSaidOfTheSessionAndTheStreamLivesOn) {
  struct Case {
    std::function<void(Client&)> request;
    const char* shown;
    const char* message;
  };
  const std::vector<Case> cases = {
      {[](Client& c) { c.Open("a"); }, "2 a 1 ALREADY_EXISTS", "session a: it is open already"},
      {[](Client& c) { c.Step("z", "x"); }, "2 z 0 NOT_FOUND",
       "session z: no session z on this stream: it was not opened here"},
      {[](Client& c) {
         c.Send("b", ForkSession{"z", {}});
       },
       "2 b 0 NOT_FOUND", "session b: no session z"},
      {[](Client& c) {
         c.Send("b", ForkSession{"a", 2});
       },
       "2 b 0 OUT_OF_RANGE", "step 2 of a session with 1 steps"},
      {[](Client& c) {
         c.Send("a", ForkSession{"a", {}});
       },
       "2 a 1 ALREADY_EXISTS", "expected a new name"},
      {[](Client& c) { c.Send("a", RollBackSession{-1}); }, "2 a 1 OUT_OF_RANGE",
       "expected 0 to 1"},
      {[](Client& c) { c.Send("a", RollBackSession{2}); }, "2 a 1 OUT_OF_RANGE", "expected 0 to 1"},
      {[](Client& c) { c.Step("a", "x", 0); }, "2 a 1 FAILED_PRECONDITION",
       "step 0 is out of order; expected step 1"},
      {[](Client& c) { c.Step("a", " "); }, "2 a 1 INVALID_ARGUMENT", "session a: step 1 is empty"},
      {[](Client& c) { c.Step("a", "ab\xff"); }, "2 a 1 INVALID_ARGUMENT",
       "step 1: text is not UTF-8 at byte 2"},
      {[](Client& c) { c.Piece("a", "\xce", true); }, "2 a 1 INVALID_ARGUMENT",
       "step 1: text is not UTF-8 at byte 0"},
      {[](Client& c) { c.Step("a", "x\x01"); }, "2 a 1 INVALID_ARGUMENT", "poisoned"},
      {[](Client& c) { c.Piece("a", "x\x01\n"); }, "2 a 1 INVALID_ARGUMENT", "poisoned"},
      {[](Client& c) { c.Step("a", std::string(201, 'x')); }, "2 a 1 INVALID_ARGUMENT",
       "201 bytes; expected at most 200"},
      {[](Client& c) { c.Piece("a", std::string(201, 'x')); }, "2 a 1 INVALID_ARGUMENT",
       "201 bytes of text wait"},
      {[](Client& c) {
         c.Send("b", SessionOptions{"p\xff", {}, ""});
       },
       "2 b 0 INVALID_ARGUMENT", "not UTF-8 at byte 1"},
      {[](Client& c) {
         c.Send("b", SessionOptions{std::string(3000, 'x'), {}, ""});
       },
       "2 b 0 INVALID_ARGUMENT", "3001 tokens; the model takes at most 2048"},
      {[](Client& c) {
         c.Send("b", SessionOptions{"p", 2.0, ""});
       },
       "2 b 0 INVALID_ARGUMENT", "threshold 2"},
      {[](Client& c) { c.Send("", CloseSession()); }, "2  0 INVALID_ARGUMENT",
       "request 2: a session's name of 0 bytes; expected 1 to 128"},
      {[](Client& c) { c.Send(std::string(129, 'n'), CloseSession()); }, "2  0 INVALID_ARGUMENT",
       "129 bytes"},
      {[](Client& c) { c.Send("a", Error(ErrorCode::kInvalidArgument, "no operation")); },
       "2 a 1 INVALID_ARGUMENT", "session a: no operation"},
      {[](Client& c) {
         c.stream.Take(1, []() -> StreamRequest {
           throw Error(ErrorCode::kInvalidArgument, "not a request");
         });
       },
       "2  0 INVALID_ARGUMENT", "request 2: not a request"},
  };
  for (const Case& bad : cases) {
    SCOPED_TRACE(bad.message);
    const std::vector<StreamReply> replies = RepliesTo([&](Client& client) {
      bad.request(client);
      client.Send("a", RollBackSession{1});
      client.Step("a", "two");
    });
    ASSERT_EQ(replies.size(), 3u);
    EXPECT_EQ(Shown(replies[0]), bad.shown);
    EXPECT_THAT(MessageIn(replies[0]), HasSubstr(bad.message));
    EXPECT_EQ(Shown(replies[1]), "3 a 1");
    EXPECT_EQ(Shown(replies[2]), "4 a 2 score 1");
  }
}

TEST(SessionStream, AClosedSessionSaysSoAndItsNameMayBeUsedAgain) {
  const auto replies = RepliesTo([](Client& c) {
    c.Send("a", CloseSession());
    c.Step("a", "two");
    c.Send("a", CloseSession());
    c.Open("a");
    c.Step("a", "one");
  });
  EXPECT_THAT(ShownInOrder(replies),
              ElementsAre("2 a 0", "3 a 0 NOT_FOUND", "4 a 0 NOT_FOUND", "5 a 0", "6 a 1 score 0"));
  EXPECT_THAT(MessageIn(replies[1]), HasSubstr("it was closed"));
}

TEST(SessionStream, ASessionOfAnotherStreamIsNotFound) {
  Desk desk;
  Client owner(desk), other(desk);
  owner.Open("a");
  owner.sink.Await(1);
  other.Step("a", "one");
  other.Send("b", ForkSession{"a", {}});
  EXPECT_THAT(ShownInOrder(other.Finish()), ElementsAre("0 a 0 NOT_FOUND", "1 b 0 NOT_FOUND"));
}

TEST(SessionStream, AWholeStepAmongPiecesIsOutOfOrder) {
  const auto replies = RepliesTo([](Client& c) {
    c.Piece("a", "two, in pie");
    c.Step("a", "three");
    c.Piece("a", "ces", true);
  });
  EXPECT_THAT(ShownInOrder(replies),
              ElementsAre("2 a 1", "3 a 1 FAILED_PRECONDITION", "4 a 2 score 1"));
}

TEST(SessionStream, PiecesBehindARefusedOneAreRefusedUntilARollBack) {
  const auto replies = RepliesTo([](Client& c) {
    c.Piece("a", "two\nthree\x01\nfour\nfi");
    c.Piece("a", "ve\n");
    c.Send("a", RollBackSession{2});
    c.Piece("a", "three", true);
  });
  EXPECT_THAT(ShownInOrder(replies),
              ElementsAre("2 a 2 more score 1", "2 a 2 INVALID_ARGUMENT",
                          "3 a 2 FAILED_PRECONDITION", "4 a 2", "5 a 3 score 2"));
}

TEST(SessionStream, AFullQueueIsAnErrorOfTheStepAndItMayBeSentAgain) {
  const auto gate = std::make_shared<Gate>();
  BatcherOptions options;
  options.max_queue_traces = 1;
  Desk desk(gate, options);
  Client client(desk);
  for (const char* id : {"a", "b", "c"}) client.Open(id);
  client.Step("a", "one");
  gate->AwaitArrivals(1);
  client.Step("b", "one");
  client.Step("c", "one");
  EXPECT_EQ(Shown(client.sink.Await(4)[3]), "5 c 0 RESOURCE_EXHAUSTED");
  gate->Open();
  client.sink.Await(6);
  client.Step("c", "one");
  EXPECT_EQ(Shown(client.Finish()[6]), "6 c 1 score 0");
}

// --- limits --------------------------------------------------------------------------------------

TEST(SessionStream, SessionsOfAStreamAndOfTheServerAreBounded) {
  Desk desk(nullptr, {}, 3);
  StreamLimits limits = TestLimits();
  limits.max_stream_sessions = 2;
  Client first(desk, limits), second(desk, limits);
  for (const char* id : {"a", "b", "c"}) first.Open(id);
  first.Send("c", ForkSession{"a", {}});
  const auto of_first = first.sink.Await(4);
  EXPECT_THAT(MessageIn(of_first[2]), HasSubstr("the stream has 2 sessions"));
  EXPECT_EQ(Shown(of_first[3]), "3 c 0 RESOURCE_EXHAUSTED");
  second.Open("a");
  second.Open("b");
  const auto of_second = second.sink.Await(2);
  EXPECT_EQ(Shown(of_second[1]), "1 b 0 RESOURCE_EXHAUSTED");
  EXPECT_THAT(MessageIn(of_second[1]), HasSubstr("the server has 3 sessions"));
  first.Send("a", CloseSession());
  first.sink.Await(5);
  second.Open("b");
  EXPECT_EQ(Shown(second.sink.Await(3)[2]), "2 b 0");
  first.Finish();  // its sessions end with it
  EXPECT_EQ(desk.places.taken(), 2);
}

TEST(SessionStream, ARefusedOpenTakesNoPlace) {
  Desk desk;
  Client client(desk);
  client.Send("a", SessionOptions{"\xff", {}, ""});
  client.Open("b");
  client.sink.Await(2);
  EXPECT_EQ(desk.places.taken(), 1);
}

TEST(SessionStream, AnIdleSessionExpires) {
  Desk desk;
  StreamLimits limits = TestLimits();
  limits.session_idle_seconds = 10;
  Client client(desk, limits);
  client.Open("a");
  client.Open("b");
  client.sink.Await(2);
  desk.seconds += 9;
  client.Step("b", "one");
  client.sink.Await(3);
  desk.seconds += 1;
  client.stream.Tick();
  client.Step("a", "one");
  client.Step("b", "two");
  client.Open("a");
  const auto replies = client.Finish();
  EXPECT_THAT(ShownInOrder(replies), ElementsAre("0 a 0", "1 b 0", "2 b 1 score 0",
                                                 "3 a 0 NOT_FOUND", "4 b 2 score 1", "5 a 0"));
  EXPECT_THAT(MessageIn(replies[3]), HasSubstr("it expired after 10 s without a request"));
}

TEST(SessionStream, ASessionThatWaitsForItsScoreIsNotIdle) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  StreamLimits limits = TestLimits();
  limits.session_idle_seconds = 10;
  Client client(desk, limits);
  client.Open("a");
  client.Step("a", "one");
  gate->AwaitArrivals(1);
  desk.seconds += 100;
  client.stream.Tick();
  gate->Open();
  client.sink.Await(2);
  client.stream.Tick();
  client.Step("a", "two");
  EXPECT_THAT(ShownInOrder(client.Finish()),
              ElementsAre("0 a 0", "1 a 1 score 0", "2 a 2 score 1"));
}

TEST(SessionStream, AStreamWithoutAnswersIsNotRead) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  StreamLimits limits = TestLimits();
  limits.max_unanswered = 3;
  Client client(desk, limits);
  client.Open("a");
  client.sink.AwaitReads(1);
  client.sink.Await(1);
  client.Step("a", "one");
  client.sink.AwaitReads(2);
  client.Step("a", "two");
  client.sink.AwaitReads(3);
  client.Step("a", "three");
  gate->AwaitArrivals(1);
  EXPECT_EQ(client.sink.reads(), 3);
  gate->Open();
  client.sink.AwaitReads(4);
}

TEST(SessionStream, AStreamWithManyBytesToAnswerIsNotRead) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  StreamLimits limits = TestLimits();
  limits.max_unanswered_bytes = 20;
  Client client(desk, limits);
  client.Open("a");
  client.sink.Await(1);
  client.Step("a", "one");
  client.Step("a", "two");
  gate->AwaitArrivals(1);
  EXPECT_EQ(client.sink.reads(), 2);
  gate->Open();
  client.sink.AwaitReads(3);
}

TEST(SessionStream, AClientThatDoesNotReadIsCutAfterAWhile) {
  Desk desk;
  StreamLimits limits = TestLimits();
  limits.max_unanswered = 2;
  limits.stalled_seconds = 30;
  Client client(desk, limits, false);
  client.Open("a");
  client.Open("b");
  client.sink.Await(2);
  desk.seconds += 29;
  client.stream.Tick();
  EXPECT_THAT(client.sink.cuts(), ElementsAre());
  client.stream.Written();  // one more is read, and so the time begins again
  client.Open("c");
  client.sink.Await(3);
  desk.seconds += 29;
  client.stream.Tick();
  EXPECT_THAT(client.sink.cuts(), ElementsAre());
  desk.seconds += 1;
  client.stream.Tick();
  client.stream.Tick();
  ASSERT_EQ(client.sink.cuts().size(), 1u);
  EXPECT_THAT(client.sink.cuts()[0].what(), HasSubstr("2 replies wait and none was read for 30 s"));
  CallRecord record;
  client.sink.AwaitEnd(&record);
  EXPECT_EQ(record.status, ErrorCode::kResourceExhausted);
  EXPECT_EQ(desk.places.taken(), 0);
}

TEST(SessionStream, ASlowClientBelowTheBoundIsNotCut) {
  Desk desk;
  Client client(desk, TestLimits(), false);
  client.Open("a");
  client.sink.Await(1);
  desk.seconds += 1000;
  client.stream.Tick();
  EXPECT_THAT(client.sink.cuts(), ElementsAre());
}

// --- the end -------------------------------------------------------------------------------------

TEST(SessionStream, TheRecordCountsWhatTheStreamDid) {
  Desk desk;
  Client client(desk);
  client.Open("a");
  client.Step("a", "one");
  client.Send("b", ForkSession{"a", {}});
  client.Step("b", "two");
  client.Step("c", "x");
  CallRecord record;
  client.Finish(&record);
  EXPECT_EQ(record.traces, 2);
  EXPECT_EQ(record.failed_traces, 1);
  EXPECT_EQ(record.tokens, int(std::string("problem one problem one two ").size()));
  EXPECT_EQ(record.status, ErrorCode{});
}

TEST(SessionStream, ADrainAnswersWhatWasTakenAndNoMore) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  Client client(desk);
  client.Open("a");
  client.Step("a", "one");
  client.Step("a", "two");
  gate->AwaitArrivals(1);
  client.stream.Drain();
  client.Step("a", "three");
  gate->Open();
  CallRecord record;
  EXPECT_THAT(ShownInOrder(client.sink.AwaitEnd(&record)),
              ElementsAre("0 a 0", "1 a 1 score 0", "2 a 2 score 1"));
  EXPECT_EQ(record.status, ErrorCode::kUnavailable);
}

TEST(SessionStream, ACancelledStreamDropsWhatHasNotBegun) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  Client client(desk);
  client.Open("a");
  client.Open("b");
  client.Step("a", "one");
  gate->AwaitArrivals(1);
  client.Step("a", "two");
  client.Step("b", "one");
  client.stream.Cancel(Error(ErrorCode::kCancelled, "gone"));
  gate->Open();
  CallRecord record;
  EXPECT_EQ(client.sink.AwaitEnd(&record).size(), 2u);  // the opens
  EXPECT_EQ(record.status, ErrorCode::kCancelled);
  EXPECT_EQ(desk.batches().size(), 1u);
  EXPECT_EQ(desk.places.taken(), 0);
}

TEST(SessionStream, ADeadlineInThePastBeginsNothing) {
  Desk desk;
  RecordingSink sink(true);
  StreamParts parts = desk.Parts(TestLimits());
  parts.deadline = SteadyTime(std::chrono::seconds(1));
  SessionStream stream(parts, &sink);
  sink.stream = &stream;
  stream.Take(1, [] { return StreamRequest{"a", SessionOptions{"p", {}, ""}}; });
  stream.Take(1, [] { return StreamRequest{"a", AppendText{"one", true, false, {}}}; });
  stream.NoMore();
  EXPECT_THAT(ShownInOrder(sink.AwaitEnd()), ElementsAre("0 a 0", "1 a 0 DEADLINE_EXCEEDED"));
  EXPECT_THAT(desk.batches(), ElementsAre());
}

TEST(SessionStream, ABatcherThatStopsFailsItsStepsAndNotTheStream) {
  Desk desk;
  Client client(desk);
  client.Open("a");
  client.sink.Await(1);
  desk.batcher.Stop();
  client.Step("a", "one");
  EXPECT_THAT(ShownInOrder(client.Finish()), ElementsAre("0 a 0", "1 a 0 UNAVAILABLE"));
}

TEST(SessionStream, ManyStreamsOnManyThreadsAnswerEveryRequest) {
  constexpr int kStreams = 6, kSessions = 5, kSteps = 6;
  Desk desk;
  std::vector<std::thread> threads;
  for (int t = 0; t < kStreams; ++t) {
    threads.emplace_back([&] {
      Client client(desk);
      NaiveStream naive(desk.rules);
      const auto send = [&](const std::string& id, auto operation) {
        client.Send(id, operation);
        naive.Do({id, operation});
      };
      for (int s = 0; s < kSessions; ++s) send(StrCat(s), SessionOptions{StrCat("p", s), {}, ""});
      for (int step = 0; step < kSteps; ++step) {
        for (int s = 0; s < kSessions; ++s) {
          send(StrCat(s), AppendText{StrCat("step ", step), true, false, step});
        }
        client.stream.Tick();
      }
      const std::vector<StreamReply> replies = InOrder(client.Finish());
      ASSERT_EQ(replies.size(), naive.expected().size());
      for (size_t i = 0; i < replies.size(); ++i) ExpectSame(replies[i], naive.expected()[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(desk.places.taken(), 0);
}

}  // namespace
}  // namespace prm
