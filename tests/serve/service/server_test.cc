#include "serve/service/server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "tests/error_of.h"
#include "tests/serve/asking.h"
#include "tests/serve/server_fixture.h"

namespace prm {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;

TEST(Server, SixtyFourClientsGetTheOfflineScoresAndNoneIsLost) {
  constexpr int kClients = 64, kCalls = 4, kTraces = 4;
  ServerOptions options = QuietOptions();
  options.batch.max_tokens = 512;
  const auto server = Start(options);
  std::atomic<int> answered = 0;
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      const auto stub = StubFor(server->address());
      for (int call = 0; call < kCalls; ++call) {
        std::vector<Trace> traces;
        for (int t = 0; t < kTraces; ++t) {
          traces.push_back(MakeTrace(StrCat(c, "/", call, "/", t), StrCat("problem ", c),
                                     {StrCat("first ", call), StrCat("second ", t), "third"}));
        }
        const Reply reply = Ask(*stub, RequestOf(traces));
        ASSERT_TRUE(reply.status.ok()) << reply.status.error_message();
        ASSERT_EQ(reply.response.results_size(), kTraces);
        for (int t = 0; t < kTraces; ++t) {
          ExpectOfflineScores(reply.response.results(t), traces[size_t(t)]);
          ++answered;
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, kClients * kCalls * kTraces);
}

TEST(Server, ABadTraceCarriesItsOwnErrorAndDoesNotFailItsNeighbours) {
  ServerOptions options = QuietOptions();
  options.limits.max_steps = 3;
  const auto server = Start(options);
  const std::vector<Trace> traces = {
      MakeTrace("good", "p", {"a", "b"}),
      MakeTrace("no steps", "p", {}),
      MakeTrace("empty step", "p", {"a", ""}),
      MakeTrace("many steps", "p", {"a", "b", "c", "d"}),
      MakeTrace("long", "p", {std::string(5000, 'x')}),
      MakeTrace("long problem", std::string(5000, 'x'), {"a"}),
      MakeTrace("poison", "p", {"a\x01"}),
      MakeTrace("fine", "p", {"c"}),
  };
  const Reply reply = Ask(*server, traces);
  ASSERT_TRUE(reply.status.ok()) << reply.status.error_message();
  ASSERT_EQ(reply.response.results_size(), 8);
  ExpectOfflineScores(reply.response.results(0), traces[0]);
  ExpectOfflineScores(reply.response.results(7), traces[7]);
  EXPECT_EQ(reply.response.results(0).scores().tokens(), 6);
  const std::vector<std::string> expected = {"no steps",     "empty step",   "expected at most 3",
                                             "at most 2048", "at most 2048", "poisoned"};
  for (int i = 1; i <= 6; ++i) {
    const v1::TraceResult& result = reply.response.results(i);
    ASSERT_TRUE(result.has_error()) << i;
    EXPECT_EQ(result.id(), traces[size_t(i)].id);
    EXPECT_EQ(result.error().code(), StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(result.error().message(), HasSubstr(expected[size_t(i - 1)]));
  }
}

TEST(Server, NoTracesGetNoAnswers) {
  const auto server = Start();
  const Reply reply = Ask(*server, {});
  EXPECT_TRUE(reply.status.ok());
  EXPECT_EQ(reply.response.results_size(), 0);
}

TEST(Server, ACallAboveItsLimitsIsRefusedWhole) {
  ServerOptions options = QuietOptions();
  options.limits.max_traces = 2;
  options.limits.max_call_tokens = 100;
  const auto server = Start(options);
  const Trace small = MakeTrace("s", "p", {"a"});
  const Reply traces = Ask(*server, {small, small, small});
  EXPECT_EQ(traces.status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(traces.status.error_message(), HasSubstr("at most 2"));
  const Reply tokens = Ask(*server, {small, MakeTrace("l", "p", {std::string(99, 'x')})});
  EXPECT_EQ(tokens.status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(tokens.status.error_message(), HasSubstr("100 tokens"));
  EXPECT_TRUE(Ask(*server, {small, small}).status.ok());
}

TEST(Server, AnOversizeMessageIsRefusedAndTheServerLivesOn) {
  ServerOptions options = QuietOptions();
  options.limits.max_message_bytes = 1000;
  const auto server = Start(options);
  const Reply reply = Ask(*server, {MakeTrace("big", std::string(2000, 'x'), {"a"})});
  EXPECT_EQ(reply.status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Ask(*server, {MakeTrace("small", "p", {"a"})}).status.ok());
}

TEST(Server, TextThatIsNotUtf8IsRefusedByName) {
  const auto server = Start();
  const auto stub = StubFor(server->address());
  v1::ScoreTracesRequest request = RequestOf({MakeTrace("t", "a problem", {"step"})});
  std::string bytes = request.SerializeAsString();
  bytes[bytes.find("a problem")] = '\xff';
  std::string reply;
  const grpc::Status status = AskRaw(*server, kScoreTraces, bytes, &reply);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("UTF-8"));
}

TEST(Server, BytesThatAreNoMessageAreRefused) {
  const auto server = Start();
  std::string reply;
  const grpc::Status status = AskRaw(*server, kScoreTraces, "\x0a\x7f not that long", &reply);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("ScoreTracesRequest"));
}

TEST(Server, AFullQueueIsResourceExhausted) {
  const auto gate = std::make_shared<Gate>();
  ServerOptions options = QuietOptions();
  options.limits.max_traces = 2;
  options.max_queue_traces = 2;
  const auto server = Start(options, gate);
  std::thread running(
      [&] { EXPECT_TRUE(Ask(*server, {MakeTrace("running", "p", {"a"})}).status.ok()); });
  gate->AwaitArrivals(1);
  // Room for one of the three.
  std::latch refused(2);
  std::atomic<int> accepted = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      const Trace trace = MakeTrace("t", "p", {"b"});
      const Reply reply = Ask(*server, {trace, trace});
      if (reply.status.ok()) {
        ++accepted;
      } else {
        EXPECT_EQ(reply.status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
        EXPECT_THAT(reply.status.error_message(), HasSubstr("queue is full"));
        EXPECT_THAT(reply.status.error_message(), HasSubstr("try again in 1000 ms"));
        EXPECT_EQ(reply.pushback_ms, "1000") << "no batch was finished yet: the rate is not known";
        refused.count_down();
      }
    });
  }
  refused.wait();
  gate->Open();
  for (std::thread& caller : callers) caller.join();
  running.join();
  EXPECT_EQ(accepted, 1);
  EXPECT_THAT(server->MetricsText(), HasSubstr("prm_calls_total{status=\"RESOURCE_EXHAUSTED\"} 2"));
}

// Calls that wait while a worker is blocked, and their order of service, one trace per batch.
class WaitingCalls {
 public:
  explicit WaitingCalls(ServerOptions options = QuietOptions()) {
    options.batch.max_traces = 1;
    auto scorer = std::make_unique<FakeScorer>(gate_);
    scorer->on_score = [this](std::span<const TraceTokens> t) { served_ += char(t[0].ids[0]); };
    server_ = std::make_unique<Server>(options, std::move(scorer));
    Call("other", [](auto& stub, auto* context) { return Score(stub, context, "_", 1); });
    gate_->AwaitArrivals(1);
  }

  static grpc::Status Score(v1::ScoringService::Stub& stub, grpc::ClientContext* context,
                            const std::string& problem, size_t traces) {
    v1::ScoreTracesResponse response;
    return stub.ScoreTraces(
        context, RequestOf(std::vector<Trace>(traces, MakeTrace("t", problem, {"a"}))), &response);
  }
  static grpc::Status Rerank(v1::ScoringService::Stub& stub, grpc::ClientContext* context,
                             const std::string& problem, int candidates) {
    v1::RerankRequest request;
    request.set_problem(problem);
    for (int i = 0; i < candidates; ++i) request.add_candidates()->add_steps("a");
    v1::RerankResponse response;
    return stub.Rerank(context, request, &response);
  }

  // Returns when `traces` wait.
  template <class Ask>
  void Add(const std::string& client, int traces, const Ask& ask) {
    Call(client, ask);
    const std::string line = StrCat("\nprm_queue_traces ", traces, "\n");
    while (server_->MetricsText().find(line) == std::string::npos) std::this_thread::yield();
  }

  // The first letters of the problems.
  std::string Served() {
    gate_->Open();
    for (std::thread& thread : threads_) thread.join();
    server_.reset();
    return served_.substr(1);
  }

 private:
  template <class Ask>
  void Call(const std::string& client, const Ask& ask) {
    threads_.emplace_back([this, client, ask] {
      grpc::ClientContext context;
      context.AddMetadata("client-id", client);
      const auto stub = StubFor(server_->address());
      const grpc::Status status = ask(*stub, &context);
      EXPECT_TRUE(status.ok()) << status.error_message();
    });
  }

  const std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::string served_;  // by the one worker
  std::unique_ptr<Server> server_;
  std::vector<std::thread> threads_;
};

grpc::Status ScoreMany(v1::ScoringService::Stub& stub, grpc::ClientContext* context) {
  return WaitingCalls::Score(stub, context, "m", 4);
}
grpc::Status ScoreOne(v1::ScoringService::Stub& stub, grpc::ClientContext* context) {
  return WaitingCalls::Score(stub, context, "1", 1);
}

TEST(Server, WhoNamesAnotherDoesNotTakeItsTurns) {
  WaitingCalls same;
  same.Add("a", 4, ScoreMany);
  same.Add("a", 5, ScoreOne);
  EXPECT_EQ(same.Served(), "m1mmm");
}

TEST(Server, ClientsTakeTurnsByTheNameTheyGiveWhereItIsTrusted) {
  ServerOptions options = QuietOptions();
  options.shared.trust_client_id = true;
  WaitingCalls two(options);
  two.Add("a", 4, ScoreMany);
  two.Add("b", 5, ScoreOne);
  EXPECT_EQ(two.Served(), "m1mmm");
  WaitingCalls same(options);
  same.Add("a", 4, ScoreMany);
  same.Add("a", 5, ScoreOne);
  EXPECT_EQ(same.Served(), "mmmm1");
}

TEST(Server, TheBytesOfWaitingCallsAreBoundedAndAClientLeavesHalf) {
  const auto gate = std::make_shared<Gate>();
  ServerOptions options = QuietOptions();
  options.limits.max_message_bytes = 1000;
  options.shared.max_buffered_bytes = 2000;
  const auto server = Start(options, gate);
  const std::shared_ptr<v1::ScoringService::Stub> greedy = StubFor(server->address());
  const v1::ScoreTracesRequest request = RequestOf({MakeTrace("t", std::string(400, 'p'), {"a"})});
  std::vector<std::thread> waiting;
  const auto wait = [&](std::shared_ptr<v1::ScoringService::Stub> stub, int queued) {
    waiting.emplace_back([=] { EXPECT_TRUE(Ask(*stub, request).status.ok()); });
    if (queued == 0) return gate->AwaitArrivals(1);
    const std::string line = StrCat("\nprm_queue_traces ", queued, "\n");
    while (server->MetricsText().find(line) == std::string::npos) std::this_thread::yield();
  };
  for (int queued = 0; queued < 2; ++queued) wait(greedy, queued);
  const Reply reply = Ask(*greedy, request);
  EXPECT_EQ(reply.status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(reply.status.error_message(), HasSubstr("bytes of requests of at most 2000"));
  EXPECT_EQ(reply.pushback_ms, "1000");
  wait(StubFor(server->address()), 2);
  gate->Open();
  for (std::thread& thread : waiting) thread.join();
  EXPECT_TRUE(Ask(*greedy, request).status.ok());
}

// Bytes that `call` has tokenised.
template <class Call>
int64_t BytesTokenised(const ServerOptions& options, const Call& call) {
  auto scorer = std::make_unique<FakeScorer>();
  const auto& tokenizer = dynamic_cast<const ByteTokenizer&>(scorer->tokenizer());
  Server server(options, std::move(scorer));
  const int64_t before = tokenizer.encoded_bytes;
  call(server);
  return tokenizer.encoded_bytes - before;
}

TEST(Server, ATextFarTooLongIsRefusedBeforeItIsTokenised) {
  const std::string text(1 << 20, 'x');
  const auto ask = [&](const Server& server) {
    const Reply reply =
        Ask(server, {MakeTrace("long", "p", {"a", text}), MakeTrace("problem", text, {"a"}),
                     MakeTrace("s", "p", {"a"})});
    ASSERT_TRUE(reply.status.ok()) << reply.status.error_message();
    for (int i : {0, 1}) {
      const v1::Status& error = reply.response.results(i).error();
      EXPECT_EQ(error.code(), StatusCode::INVALID_ARGUMENT);
      EXPECT_THAT(error.message(), HasSubstr("at least 1048"));
      EXPECT_THAT(error.message(), HasSubstr("the model takes at most 2048"));
    }
    EXPECT_TRUE(reply.response.results(2).has_scores());
  };
  EXPECT_LT(BytesTokenised(QuietOptions(), ask), 100);
}

TEST(Server, ACallFarTooLongIsRefusedBeforeItIsTokenised) {
  ServerOptions options = QuietOptions();
  options.limits.max_call_tokens = 5000;
  const auto ask = [&](const Server& server) {
    const Trace trace = MakeTrace("t", "p", {std::string(2000, 'x')});
    const Reply reply = Ask(server, {trace, trace, trace});
    EXPECT_EQ(reply.status.error_code(), StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(reply.status.error_message(), HasSubstr("more than 5000 tokens"));
  };
  EXPECT_EQ(BytesTokenised(options, ask), 0);
}

TEST(Server, CallsGoBeforeTheBulkOfRerank) {
  WaitingCalls calls;
  calls.Add("a", 3,
            [](auto& stub, auto* context) { return WaitingCalls::Rerank(stub, context, "r", 3); });
  calls.Add("a", 5,
            [](auto& stub, auto* context) { return WaitingCalls::Score(stub, context, "s", 2); });
  EXPECT_EQ(calls.Served(), "ssrrr");
}

TEST(Server, AClientThatDisconnectsMidCallLeavesTheServerWhole) {
  const auto gate = std::make_shared<Gate>();
  const auto server = Start(QuietOptions(), gate);
  {
    const auto stub = StubFor(server->address());
    grpc::ClientContext context;
    v1::ScoreTracesResponse response;
    const v1::ScoreTracesRequest request = RequestOf({MakeTrace("gone", "p", {"a"})});
    std::latch ended(1);
    grpc::Status status;
    stub->async()->ScoreTraces(&context, &request, &response, [&](grpc::Status s) {
      status = std::move(s);
      ended.count_down();
    });
    gate->AwaitArrivals(1);
    context.TryCancel();
    ended.wait();
    EXPECT_EQ(status.error_code(), StatusCode::CANCELLED);
  }
  gate->Open();
  const Trace next = MakeTrace("next", "p", {"b"});
  const Reply reply = Ask(*server, {next});
  ASSERT_TRUE(reply.status.ok());
  ExpectOfflineScores(reply.response.results(0), next);
  EXPECT_TRUE(server->Drain());
}

TEST(Server, ADeadlineThatPassesInTheQueueEndsTheCall) {
  const auto gate = std::make_shared<Gate>();
  const auto server = Start(QuietOptions(), gate);
  std::thread running(
      [&] { EXPECT_TRUE(Ask(*server, {MakeTrace("running", "p", {"a"})}).status.ok()); });
  gate->AwaitArrivals(1);
  const auto stub = StubFor(server->address());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(20));
  v1::ScoreTracesResponse response;
  const grpc::Status status =
      stub->ScoreTraces(&context, RequestOf({MakeTrace("late", "p", {"b"})}), &response);
  EXPECT_EQ(status.error_code(), StatusCode::DEADLINE_EXCEEDED);
  gate->Open();
  running.join();
  EXPECT_TRUE(server->Drain());
}

TEST(Server, DescribesItsModelAndItsLimits) {
  ServerOptions options = QuietOptions();
  options.limits.max_steps = 77;
  const auto server = Start(options);
  grpc::ClientContext context;
  v1::DescribeModelResponse response;
  ASSERT_TRUE(StubFor(server->address())
                  ->DescribeModel(&context, v1::DescribeModelRequest(), &response)
                  .ok());
  EXPECT_EQ(response.model().name(), "fake");
  EXPECT_EQ(response.model().max_tokens(), 2048);
  EXPECT_EQ(response.limits().max_steps(), 77);
}

TEST(Server, APortInUseIsAnErrorThatNamesIt) {
  const auto first = Start();
  ServerOptions options = QuietOptions();
  options.listen = first->address();
  EXPECT_THAT(MessageOf([&] { Start(options); }, ErrorCode::kFailedPrecondition),
              HasSubstr(first->address()));
  EXPECT_TRUE(Ask(*first, {MakeTrace("t", "p", {"a"})}).status.ok());
}

TEST(Server, LimitsThatNoCallCouldMeetAreRefused) {
  ServerOptions options = QuietOptions();
  options.max_queue_traces = options.limits.max_traces - 1;
  EXPECT_THROW(Start(options), Error);
}

TEST(Server, ReflectionListsTheService) {
  const auto server = Start();
  grpc::GenericStub stub(ConnectTo(server->address()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto next = [&] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto stream = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  stream->StartCall(nullptr);
  ASSERT_TRUE(next());
  const grpc::Slice slice(std::string("\x3a\x01*"));  // list_services, field 7
  stream->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  ASSERT_TRUE(next());
  grpc::ByteBuffer response;
  stream->Read(&response, nullptr);
  ASSERT_TRUE(next());
  grpc::Slice whole;
  ASSERT_TRUE(response.DumpToSingleSlice(&whole).ok());
  const std::string text(reinterpret_cast<const char*>(whole.begin()), whole.size());
  EXPECT_THAT(text, HasSubstr("prm.v1.ScoringService"));
  EXPECT_THAT(text, HasSubstr("grpc.health.v1.Health"));
  stream->WritesDone(nullptr);
  next();
  grpc::Status status;
  stream->Finish(&status, nullptr);
  next();
}

}  // namespace
}  // namespace prm
