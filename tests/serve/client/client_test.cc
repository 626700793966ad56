#include "serve/client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/records/score_lines.h"
#include "serve/client/client_options.h"
#include "serve/client/connection.h"
#include "tests/error_of.h"
#include "tests/serve/server_fixture.h"

namespace prm {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

std::vector<Trace> ManyTraces(int count) {
  std::vector<Trace> traces;
  for (int i = 0; i < count; ++i) {
    traces.push_back(MakeTrace(StrCat("t", i), StrCat("problem ", i % 7),
                               std::vector<std::string>(size_t(1 + i % 5), StrCat("step ", i))));
  }
  return traces;
}

void ExpectOffline(const std::vector<ScoreLine>& lines, const std::vector<Trace>& traces) {
  ASSERT_EQ(lines.size(), traces.size());
  for (size_t i = 0; i < traces.size(); ++i) {
    const ScoreLine expected = OfflineLine(traces[i]);
    EXPECT_EQ(lines[i].id, expected.id);
    EXPECT_TRUE(SameScores(lines[i].scores, expected.scores));
  }
}

TEST(RetryDelay, GrowsToTheCapAndIsSpreadByJitter) {
  EXPECT_EQ(RetryDelay(1, 0), milliseconds(50));
  EXPECT_EQ(RetryDelay(2, 0), milliseconds(100));
  EXPECT_EQ(RetryDelay(4, 0), milliseconds(400));
  EXPECT_EQ(RetryDelay(4, 0.5), milliseconds(300));
  EXPECT_EQ(RetryDelay(1000, 0), milliseconds(2000));
}

TEST(RetryDelay, IsWhatTheServerSaysOrALittleLater) {
  EXPECT_EQ(RetryDelay(1, 0, milliseconds(700)), milliseconds(700));
  EXPECT_EQ(RetryDelay(9, 0.5, milliseconds(700)), milliseconds(875));
}

TEST(ScoringClient, AnswersComeInTheOrderOfAddWhateverTheCalls) {
  const auto server = Start();
  const std::vector<Trace> traces = ManyTraces(101);
  for (const auto& [per_call, calls] : {std::pair{1, 8}, {7, 3}, {1000, 1}}) {
    ClientOptions options;
    options.server = server->address();
    options.traces_per_call = per_call;
    options.calls_in_flight = calls;
    ExpectOffline(AskAll(options, traces), traces);
  }
}

TEST(ScoringClient, ATracesErrorStaysWithTheTrace) {
  const auto server = Start();
  ClientOptions options;
  options.server = server->address();
  const auto answers = AskAll(
      options, {MakeTrace("a", "p", {"x"}), MakeTrace("b", "p", {}), MakeTrace("c", "p", {"y"})});
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_FALSE(answers[0].error);
  EXPECT_THAT(answers[1].error.value().what(), HasSubstr("no steps"));
  EXPECT_EQ(answers[1].error->code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(answers[2].error);
}

TEST(ScoringClient, KeepsToTheServersLimits) {
  ServerOptions limits = QuietOptions();
  limits.limits.max_traces = 3;
  limits.limits.max_call_tokens = 150;
  limits.limits.max_message_bytes = 400;
  const auto server = Start(limits);
  ClientOptions options;
  options.server = server->address();
  std::vector<Trace> traces = ManyTraces(40);
  ExpectOffline(AskAll(options, traces), traces);
  traces[5] = MakeTrace("too big", "p", {std::string(500, 'x')});
  traces[6] = MakeTrace("too many tokens", "p", {std::string(200, 'x')});
  const auto answers = AskAll(options, traces);
  ASSERT_EQ(answers.size(), 40u);
  EXPECT_THAT(answers[5].error.value().what(), HasSubstr("at most 400"));
  EXPECT_THAT(answers[6].error.value().what(), HasSubstr("150 tokens"));
  EXPECT_TRUE(SameScores(answers[7].scores, OfflineLine(traces[7]).scores));
}

// CANCELLED: servers that shut down return it, and nobody here cancels.
TEST(Connection, TriesAgainWhatAServerSaysThatGoesAwayOrIsFull) {
  ClientOptions options;
  options.sleep = [](milliseconds) {};
  const auto calls_after = [&](grpc::StatusCode first) {
    int calls = 0;
    const grpc::Status last = Connection(options).WithRetries("", [&](grpc::ClientContext*) {
      return ++calls == 1 ? grpc::Status(first, "first") : grpc::Status::OK;
    });
    EXPECT_EQ(last.ok(), calls > 1);
    return calls;
  };
  EXPECT_EQ(calls_after(grpc::StatusCode::UNAVAILABLE), 2);
  EXPECT_EQ(calls_after(grpc::StatusCode::RESOURCE_EXHAUSTED), 2);
  EXPECT_EQ(calls_after(grpc::StatusCode::CANCELLED), 2);
  EXPECT_EQ(calls_after(grpc::StatusCode::INTERNAL), 1);
  EXPECT_EQ(calls_after(grpc::StatusCode::DEADLINE_EXCEEDED), 1);
}

TEST(ScoringClient, WaitsForAServerThatIsNotThereYet) {
  const std::string address = Start()->address();  // of a server that has stopped
  std::unique_ptr<Server> server;
  ClientOptions options;
  options.server = address;
  options.attempts = 1 << 30;
  options.sleep = [&](milliseconds) {
    ServerOptions late = QuietOptions();
    late.listen = address;
    if (!server) server = Start(late);
  };
  const std::vector<Trace> traces = ManyTraces(3);
  ExpectOffline(AskAll(options, traces), traces);
  EXPECT_TRUE(server);
}

TEST(ScoringClient, GivesUpAfterItsAttemptsAndNamesTheServer) {
  const std::string address = Start()->address();
  int waits = 0;
  ClientOptions options;
  options.server = address;
  options.attempts = 4;
  options.sleep = [&](milliseconds) { ++waits; };
  EXPECT_THAT(MessageOf([&] { AskAll(options, ManyTraces(1)); }, ErrorCode::kUnavailable),
              HasSubstr(address));
  EXPECT_EQ(waits, 3);
}

TEST(ScoringClient, TriesAgainWhileTheQueueIsFull) {
  const auto gate = std::make_shared<Gate>();
  ServerOptions small = QuietOptions();
  small.limits.max_traces = 1;
  small.max_queue_traces = 1;
  const auto server = Start(small, gate);
  ClientOptions options;
  options.server = server->address();
  options.calls_in_flight = 8;
  options.attempts = 1 << 30;
  std::atomic<int> waits = 0;
  options.sleep = [&](milliseconds delay) {
    EXPECT_GE(delay, milliseconds(100)) << "sooner than the server said";
    ++waits;
    gate->Open();
  };
  const std::vector<Trace> traces = ManyTraces(20);
  ExpectOffline(AskAll(options, traces), traces);
  EXPECT_GT(waits, 0);  // one ran, one waited, six of the first eight were refused
}

TEST(ScoringClient, RoutesAProblemACall) {
  const auto server = Start();
  ClientOptions options;
  options.server = server->address();
  options.route_by_problem = true;
  options.client_id = "a";
  std::vector<Trace> traces;
  for (int i = 0; i < 30; ++i) traces.push_back(MakeTrace(StrCat(i), StrCat("p", i / 10), {"x"}));
  ExpectOffline(AskAll(options, traces), traces);
  EXPECT_THAT(server->MetricsText(), HasSubstr("prm_calls_total{status=\"OK\"} 3"));
}

TEST(ScoringClient, DescribesTheModel) {
  const auto server = Start();
  ClientOptions options;
  options.server = server->address();
  ScoringClient client(options, [](const ScoreLine&) {});
  EXPECT_EQ(client.Describe().architecture, "FakeForStepScoring");
}

}  // namespace
}  // namespace prm
