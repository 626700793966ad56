#include "serve/client/session_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "data/records/score_lines.h"
#include "serve/client/client_options.h"
#include "tests/error_of.h"
#include "tests/serve/server_fixture.h"

namespace prm {
namespace {

using testing::HasSubstr;

ClientOptions To(const Server& server) {
  ClientOptions options;
  options.server = server.address();
  return options;
}

std::vector<Trace> ManyTraces(int count) {
  std::vector<Trace> traces;
  for (int i = 0; i < count; ++i) {
    std::vector<std::string> steps;
    for (int s = 0; s <= i % 7; ++s) steps.push_back(StrCat("step ", s, "\n\nof ", i, " κ"));
    traces.push_back(MakeTrace(StrCat("t", i), StrCat("problem ", i % 3), steps));
  }
  return traces;
}

void ExpectSameLines(const std::vector<ScoreLine>& streamed, const std::vector<ScoreLine>& unary) {
  ASSERT_EQ(streamed.size(), unary.size());
  for (size_t i = 0; i < unary.size(); ++i) {
    if (unary[i].error) {
      EXPECT_EQ(streamed[i].id, unary[i].id);
      ASSERT_TRUE(streamed[i].error) << unary[i].id;
      EXPECT_EQ(streamed[i].error->code(), unary[i].error->code());
    } else {
      EXPECT_EQ(ScoreLineToJson(streamed[i]), ScoreLineToJson(unary[i]));
      EXPECT_EQ(streamed[i].tokens, unary[i].tokens);
    }
  }
}

TEST(StreamedScoring, GivesTheLinesOfScoringWholeTraces) {
  const auto server = Start();
  const std::vector<Trace> traces = ManyTraces(60);
  for (const int at_once : {1, 5, 1000}) {
    ClientOptions options = To(*server);
    options.traces_per_call = at_once;
    ExpectSameLines(AskAll<StreamedScoring>(options, traces),
                    AskAll<ScoringClient>(options, traces));
  }
}

TEST(StreamedScoring, ATracesErrorStaysWithTheTrace) {
  ServerOptions limits = QuietOptions();
  limits.limits.max_steps = 8;
  limits.limits.max_message_bytes = 6000;
  const auto server = Start(limits);
  const std::vector<Trace> traces = {
      MakeTrace("good", "p", {"a", "b"}),
      MakeTrace("no steps", "p", {}),
      MakeTrace("empty step", "p", {"a", ""}),
      MakeTrace("many steps", "p", {"1", "2", "3", "4", "5", "6", "7", "8", "9"}),
      MakeTrace("long", "p", {"a", std::string(2500, 'x')}),
      MakeTrace("long problem", std::string(2500, 'x'), {"a"}),
      MakeTrace("too long for a message", std::string(7000, 'x'), {"a"}),
      MakeTrace("poison", "p", {"a", "b\x01", "c"}),
      MakeTrace("fine", "p", {"c"}),
  };
  ExpectSameLines(AskAll<StreamedScoring>(To(*server), traces),
                  AskAll<ScoringClient>(To(*server), traces));
  EXPECT_THAT(server->MetricsText(), HasSubstr("prm_sessions 0"));
}

TEST(StreamedScoring, KeepsToTheServersSessionsAndWaitsWhileTheyAreTaken) {
  ServerOptions limits = QuietOptions();
  limits.stream.max_stream_sessions = 3;
  limits.stream.max_sessions = 3;
  const auto server = Start(limits);
  SessionClient other(To(*server));
  other.Open("in the way", {"p", {}, ""});
  ClientOptions options = To(*server);
  options.attempts = 1 << 30;
  bool waited = false;
  options.sleep = [&](std::chrono::milliseconds) {
    if (!waited) other.Close("in the way");
    waited = true;
  };
  const std::vector<Trace> traces = ManyTraces(20);
  ExpectSameLines(AskAll<StreamedScoring>(options, traces), AskAll<ScoringClient>(options, traces));
  EXPECT_TRUE(waited);
}

TEST(StreamedScoring, GivesUpOnAServerThatIsNotThereAndNamesIt) {
  ClientOptions options = To(*Start());  // a server that has stopped
  options.attempts = 2;
  options.sleep = [](std::chrono::milliseconds) {};
  EXPECT_THAT(
      MessageOf([&] { AskAll<StreamedScoring>(options, ManyTraces(1)); }, ErrorCode::kUnavailable),
      HasSubstr(options.server));
}

TEST(SessionClient, AsksOneThingAtATime) {
  const auto server = Start();
  SessionClient client(To(*server));
  client.Open("a", {"problem", 1.0, ""});
  const Appended first = client.Append("a", "one");
  EXPECT_EQ(first.score, OfflineLine(MakeTrace("", "problem", {"one"})).scores.step(0));
  EXPECT_TRUE(first.prune());
  client.Append("a", "two");
  client.Fork("b", "a", 1);
  EXPECT_EQ(client.Append("b", "other").aggregate,
            OfflineLine(MakeTrace("", "problem", {"one", "other"})).aggregate);
  client.RollBack("a", 0);
  EXPECT_EQ(client.Append("a", "one").score, first.score);
  client.Close("b");
  const std::string gone = MessageOf([&] { client.Append("b", "x"); }, ErrorCode::kNotFound);
  EXPECT_THAT(gone, HasSubstr("it was closed"));
  EXPECT_THAT(gone, HasSubstr(server->address()));
  client.Finish();
}

TEST(SessionClient, AStreamThatEndsNamesTheServer) {
  const auto server = Start();
  SessionClient client(To(*server));
  client.Open("a", {"problem", {}, ""});
  EXPECT_TRUE(server->Drain());
  EXPECT_THAT(MessageOf([&] { client.Append("a", "one"); }, ErrorCode::kUnavailable),
              HasSubstr(server->address()));
}

TEST(SessionClient, AServerThatDoesNotMoveIsGivenUp) {
  const auto gate = std::make_shared<Gate>();
  const auto server = Start(QuietOptions(), gate);
  ClientOptions options = To(*server);
  options.timeout_seconds = 1;
  SessionClient client(options);
  client.Open("a", {"problem", {}, ""});
  EXPECT_THAT(MessageOf([&] { client.Append("a", "one"); }, ErrorCode::kDeadlineExceeded),
              HasSubstr("no answer within 1 s"));
  gate->Open();
}

TEST(SessionClient, AClientThatGoesTakesItsSessionsAlong) {
  const auto server = Start();
  {
    SessionClient client(To(*server));
    client.Open("a", {"problem", {}, ""});
    EXPECT_THAT(server->MetricsText(), HasSubstr("prm_sessions 1"));
  }
  const auto has_sessions = [&] {
    return server->MetricsText().find("prm_sessions 0") == std::string::npos;
  };
  while (has_sessions()) std::this_thread::yield();
  EXPECT_TRUE(server->Drain());
}

}  // namespace
}  // namespace prm
