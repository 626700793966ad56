#include "serve/service/session_reactor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "data/records/score_lines.h"
#include "serve/service/scoring_service.h"
#include "serve/wire/session_codec.h"
#include "tests/serve/server_fixture.h"

namespace prm {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;

// A client's end of a stream, as gRPC has it.
class Stream {
 public:
  explicit Stream(const std::string& address, int timeout_ms = 0)
      : Stream(std::shared_ptr<v1::ScoringService::Stub>(StubFor(address)), timeout_ms) {}
  // On a connection that others may share.
  explicit Stream(std::shared_ptr<v1::ScoringService::Stub> stub, int timeout_ms = 0)
      : stub_(std::move(stub)) {
    if (timeout_ms != 0) {
      context.set_deadline(std::chrono::system_clock::now() +
                           std::chrono::milliseconds(timeout_ms));
    }
    calls_ = stub_->ScoreStream(&context);
  }
  bool Send(const std::string& session, const decltype(StreamRequest::operation)& operation) {
    return calls_->Write(ToMessage({session, operation}));
  }
  void Open(const std::string& session) { Send(session, SessionOptions{"problem", {}, ""}); }
  void Step(const std::string& session, const std::string& text) {
    Send(session, AppendText{text, true, false, {}});
  }
  bool Receive(v1::StreamReply* reply) { return calls_->Read(reply); }
  v1::StreamReply Next() {
    v1::StreamReply reply;
    EXPECT_TRUE(calls_->Read(&reply)) << "the stream ended";
    return reply;
  }
  void SendNoMore() { calls_->WritesDone(); }
  // Call after every reply.
  grpc::Status Finish() {
    v1::StreamReply reply;
    while (calls_->Read(&reply)) continue;
    return calls_->Finish();
  }
  // Call after Finish; empty: the server sent none.
  std::string pushback_ms() const {
    const auto& trailing = context.GetServerTrailingMetadata();
    const auto said = trailing.find("grpc-retry-pushback-ms");
    return said == trailing.end() ? "" : std::string(said->second.begin(), said->second.end());
  }

  grpc::ClientContext context;

 private:
  const std::shared_ptr<v1::ScoringService::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamRequest, v1::StreamReply>> calls_;
};

TEST(ScoreStream, ABeamGetsTheOfflineScoresAndItsAdvice) {
  const auto server = Start();
  Stream stream(server->address());
  const std::vector<std::string> steps = {"one", "two", "three"};
  stream.Open("a");
  for (const std::string& step : steps) stream.Step("a", step);
  stream.Send("b", ForkSession{"a", 2});
  stream.Step("b", "other");
  stream.Send("a", RollBackSession{1});
  stream.Send("a", CloseSession());
  stream.SendNoMore();
  std::map<int64_t, v1::StreamReply> replies;
  for (v1::StreamReply reply; stream.Receive(&reply);) {
    EXPECT_TRUE(replies.emplace(reply.request(), reply).second);
  }
  EXPECT_TRUE(stream.Finish().ok());
  ASSERT_EQ(replies.size(), 8u);
  const auto expect_score = [&](int64_t request, const char* session,
                                const std::vector<std::string>& trace) {
    const ScoreLine line = OfflineLine(MakeTrace("", "problem", trace));
    const v1::StreamReply& reply = replies[request];
    ASSERT_TRUE(reply.has_score()) << reply.error().message();
    EXPECT_EQ(reply.session(), session);
    EXPECT_EQ(reply.steps(), int(trace.size()));
    const v1::StepScore& score = reply.score();
    EXPECT_EQ(score.index(), int(trace.size()) - 1);
    EXPECT_EQ(score.p_correct(), line.scores.p_correct.back());
    EXPECT_EQ(ToProbs(score.label_probs()), line.scores.label_probs.back());
    EXPECT_EQ(ToAggregates(score.aggregate()), line.aggregate);
    EXPECT_EQ(score.has_first_error() ? score.first_error() : -1, line.first_error.value_or(-1));
    EXPECT_EQ(score.tokens_computed(), score.tokens());
    EXPECT_EQ(score.tokens_reused(), 0);
    EXPECT_EQ(score.advice(), line.first_error ? v1::ADVICE_PRUNE : v1::ADVICE_CONTINUE);
  };
  expect_score(1, "a", {"one"});
  expect_score(2, "a", {"one", "two"});
  expect_score(3, "a", {"one", "two", "three"});
  expect_score(5, "b", {"one", "two", "other"});
  for (const auto& [request, steps_then] : std::map<int64_t, int>{{0, 0}, {4, 2}, {6, 1}, {7, 0}}) {
    EXPECT_TRUE(replies[request].has_done());
    EXPECT_EQ(replies[request].steps(), steps_then);
  }
}

TEST(ScoreStream, AMessageThatCannotBeReadIsRefusedAndTheStreamLivesOn) {
  const auto server = Start();
  Stream stream(server->address());
  stream.Send("not \xff UTF-8", CloseSession());
  const v1::StreamReply bad = stream.Next();
  EXPECT_EQ(bad.error().code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(bad.error().message(), HasSubstr("request 0: it is not a prm.v1.StreamRequest"));
  EXPECT_EQ(bad.session(), "");
  stream.Send("a", Error(ErrorCode::kInternal, "leaves the operation out"));
  EXPECT_THAT(stream.Next().error().message(), HasSubstr("session a: no operation"));
  stream.Open("a");
  EXPECT_TRUE(stream.Next().has_done());
}

TEST(ScoreStream, AnOversizeMessageEndsTheStreamAndTheServerLivesOn) {
  ServerOptions options = QuietOptions();
  options.limits.max_message_bytes = 1000;
  const auto server = Start(options);
  Stream stream(server->address());
  stream.Send("a", SessionOptions{std::string(2000, 'x'), {}, ""});
  EXPECT_EQ(stream.Finish().error_code(), StatusCode::RESOURCE_EXHAUSTED);
  Stream next(server->address());
  next.Open("a");
  EXPECT_TRUE(next.Next().has_done());
}

TEST(ScoreStream, TextInPiecesMayBreakAnywhere) {
  const auto server = Start();
  const std::string text = "κ = 3\nλ = 4 😀\nμ";
  for (size_t size = 1; size <= 3; ++size) {
    Stream stream(server->address());
    stream.Open("a");
    for (size_t at = 0; at < text.size(); at += size) {
      stream.Send("a", AppendText{text.substr(at, size), false, at + size >= text.size(), {}});
    }
    stream.SendNoMore();
    std::vector<float> scores;
    for (v1::StreamReply reply; stream.Receive(&reply);) {
      EXPECT_FALSE(reply.has_error()) << reply.error().message();
      if (reply.has_score()) scores.push_back(reply.score().p_correct());
    }
    EXPECT_EQ(scores,
              OfflineLine(MakeTrace("", "problem", {"κ = 3", "λ = 4 😀", "μ"})).scores.p_correct);
  }
}

TEST(ScoreStream, ManyClientsGetTheOfflineScores) {
  constexpr int kClients = 12, kSessions = 6, kSteps = 5;
  const auto server = Start();
  std::vector<std::thread> clients;
  std::atomic<int> answered = 0;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      Stream stream(server->address());
      for (int s = 0; s < kSessions; ++s) stream.Open(StrCat(s));
      for (int step = 0; step < kSteps; ++step) {
        for (int s = 0; s < kSessions; ++s) stream.Step(StrCat(s), StrCat(c, " ", s, " ", step));
      }
      stream.SendNoMore();
      std::map<std::string, std::vector<float>> scores;
      for (v1::StreamReply reply; stream.Receive(&reply);) {
        if (reply.has_score()) scores[reply.session()].push_back(reply.score().p_correct());
      }
      EXPECT_TRUE(stream.Finish().ok());
      for (int s = 0; s < kSessions; ++s) {
        std::vector<std::string> steps;
        for (int step = 0; step < kSteps; ++step) steps.push_back(StrCat(c, " ", s, " ", step));
        EXPECT_EQ(scores[StrCat(s)], OfflineLine(MakeTrace("", "problem", steps)).scores.p_correct);
        ++answered;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, kClients * kSessions);
  EXPECT_THAT(server->MetricsText(),
              HasSubstr(StrCat("prm_session_steps_total ", kClients * kSessions * kSteps)));
}

TEST(ScoreStream, OneStreamTooManyIsRefused) {
  ServerOptions options = QuietOptions();
  options.stream.max_streams = 1;
  const auto server = Start(options);
  Stream first(server->address());
  first.Open("a");
  first.Next();
  const grpc::Status status = Stream(server->address()).Finish();
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("the server has 1 streams"));
  EXPECT_THAT(server->MetricsText(),
              HasSubstr("prm_streams_total{status=\"RESOURCE_EXHAUSTED\"} 1"));
}

TEST(ScoreStream, NoClientHasAllStreamsAndWhatItIsRefusedSaysWhenToComeAgain) {
  ServerOptions options = QuietOptions();
  options.stream.max_streams = 6;
  const auto server = Start(options);
  const std::shared_ptr<v1::ScoringService::Stub> stub = StubFor(server->address());
  std::vector<std::unique_ptr<Stream>> idle;
  for (int i = 0; i < 3; ++i) {
    idle.push_back(std::make_unique<Stream>(stub));
    idle.back()->Open("a");
    EXPECT_TRUE(idle.back()->Next().has_done());
  }
  Stream one_more(stub);
  const grpc::Status status = one_more.Finish();
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("3 streams of at most 6, 3 of them this client's"));
  EXPECT_EQ(one_more.pushback_ms(), "1000");
  Stream other(server->address());
  other.Open("a");
  EXPECT_TRUE(other.Next().has_done());
}

TEST(ScoreStream, ADeadlineInThePastIsExceeded) {
  const auto server = Start();
  EXPECT_EQ(Stream(server->address(), -1000).Finish().error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(server->Drain());
}

TEST(ScoreStream, ADeadlineThatPassesEndsTheStream) {
  const auto gate = std::make_shared<Gate>();
  const auto server = Start(QuietOptions(), gate);
  Stream stream(server->address(), 100);
  stream.Open("a");
  stream.Step("a", "one");
  EXPECT_EQ(stream.Finish().error_code(), StatusCode::DEADLINE_EXCEEDED);
  gate->Open();
  EXPECT_TRUE(server->Drain());
}

TEST(ScoreStream, ACancelledStreamLeavesTheServerWhole) {
  const auto gate = std::make_shared<Gate>();
  const auto server = Start(QuietOptions(), gate);
  Stream stream(server->address());
  stream.Open("a");
  stream.Step("a", "one");
  gate->AwaitArrivals(1);
  stream.context.TryCancel();
  EXPECT_EQ(stream.Finish().error_code(), StatusCode::CANCELLED);
  gate->Open();
  Stream next(server->address());
  next.Open("a");
  EXPECT_TRUE(next.Next().has_done());
  next.SendNoMore();
  EXPECT_TRUE(next.Finish().ok());
  EXPECT_TRUE(server->Drain());
  EXPECT_THAT(server->MetricsText(), HasSubstr("prm_sessions 0"));
}

TEST(ScoreStream, ADrainAnswersWhatWasReadAndThenEndsTheStream) {
  const auto gate = std::make_shared<Gate>();
  const auto server = Start(QuietOptions(), gate);
  Stream stream(server->address()), idle(server->address());
  idle.Open("a");
  EXPECT_TRUE(idle.Next().has_done());
  stream.Open("a");
  stream.Step("a", "one");
  EXPECT_TRUE(stream.Next().has_done());
  gate->AwaitArrivals(1);
  bool drained = false;
  std::thread drain([&] { drained = server->Drain(); });
  EXPECT_EQ(idle.Finish().error_code(), StatusCode::UNAVAILABLE);
  gate->Open();
  EXPECT_TRUE(stream.Next().has_score());
  const grpc::Status status = stream.Finish();
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("draining"));
  drain.join();
  EXPECT_TRUE(drained);
}

TEST(ScoreStream, TheServerSaysWhatStreamsMayCarry) {
  ServerOptions options = QuietOptions();
  options.stream.max_stream_sessions = 7;
  const auto server = Start(options);
  grpc::ClientContext context;
  v1::DescribeModelResponse response;
  ASSERT_TRUE(StubFor(server->address())
                  ->DescribeModel(&context, v1::DescribeModelRequest(), &response)
                  .ok());
  EXPECT_EQ(response.stream().step_delimiter(), "\n");
  EXPECT_EQ(response.stream().max_sessions(), 7);
}

// --- a service whose clock the test owns ---------------------------------------------------------

class ClockedServer {
 public:
  explicit ClockedServer(const StreamLimits& limits)
      : service_({.scorer = &model_,
                  .batcher = &batcher_,
                  .pool = &pool_,
                  .limits = {},
                  .shared = {},
                  .on_call = {},
                  .stream = limits,
                  .now = [this] { return SteadyTime(std::chrono::seconds(seconds.load())); },
                  .on_stream =
                      [this](const CallRecord& record) {
                        if (!ended && record.error) status = record.error->code();
                        ended = true;
                      },
                  .on_step = {}}) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    address = StrCat("127.0.0.1:", port);
  }
  ~ClockedServer() {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }
  void Tick() { service_.Tick(); }

  std::string address;
  std::atomic<int> seconds = 1000;
  std::atomic<bool> ended = false;     // a stream
  std::atomic<ErrorCode> status = {};  // of that stream

 private:
  FakeScorer model_;
  Batcher batcher_{{}, OneScorer(std::make_unique<FakeScorer>())};
  ThreadPool pool_{2};
  ScoringService service_;
  std::unique_ptr<grpc::Server> server_;
};

// A connection with a small flow-control window, so that unread replies soon stay with the server.
std::shared_ptr<grpc::Channel> NarrowChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// Writes requests while the stream accepts them; reads nothing until Hear.
class DeafClient : public grpc::ClientBidiReactor<v1::StreamRequest, v1::StreamReply> {
 public:
  explicit DeafClient(v1::ScoringService::Stub& stub)
      : request_(ToMessage({std::string(128, 'n'), CloseSession()})) {
    stub.async()->ScoreStream(&context_, this);
    AddHold();
    StartWrite(&request_);
    StartCall();
  }
  // Reads to the end of the stream, which gRPC reports after the last reply.
  grpc::Status Hear() {
    StartRead(&reply_);
    RemoveHold();
    done_.wait();
    return status_;
  }

 private:
  void OnWriteDone(bool ok) override {
    if (ok) StartWrite(&request_);
  }
  void OnReadDone(bool ok) override {
    if (ok) StartRead(&reply_);
  }
  void OnDone(const grpc::Status& status) override {
    status_ = status;
    done_.count_down();
  }

  const v1::StreamRequest request_;
  grpc::ClientContext context_;
  v1::StreamReply reply_;
  grpc::Status status_;
  std::latch done_{1};
};

TEST(ScoreStream, AClientThatNeverReadsIsHeldBackAndThenCut) {
  StreamLimits limits;
  limits.max_unanswered = 10;
  ClockedServer server(limits);
  const auto stub = v1::ScoringService::NewStub(NarrowChannel(server.address));
  DeafClient client(*stub);
  // Each Tick is a second later; the cut comes after stalled_seconds of them without a written
  // reply.
  while (!server.ended) {
    ++server.seconds;
    server.Tick();
    std::this_thread::yield();
  }
  EXPECT_EQ(server.status.load(), ErrorCode::kResourceExhausted);
  const grpc::Status status = client.Hear();
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("none was read for 30 s"));
  Stream next(server.address);
  next.Open("a");
  EXPECT_TRUE(next.Next().has_done());
}

TEST(ScoreStream, AnIdleSessionExpires) {
  StreamLimits limits;
  limits.session_idle_seconds = 10;
  ClockedServer server(limits);
  Stream stream(server.address);
  stream.Open("a");
  stream.Open("b");
  stream.Next();
  stream.Next();
  server.seconds += 11;
  server.Tick();
  stream.Step("a", "one");
  const v1::StreamReply reply = stream.Next();
  EXPECT_EQ(reply.error().code(), StatusCode::NOT_FOUND);
  EXPECT_THAT(reply.error().message(), HasSubstr("it expired after 10 s"));
}

}  // namespace
}  // namespace prm
