#include "serve/service/scoring_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/client/rerank_client.h"
#include "serve/client/session_client.h"
#include "tests/error_of.h"
#include "tests/serve/asking.h"

namespace prm {
namespace {

using grpc::StatusCode;
using testing::AllOf;
using testing::HasSubstr;

const auto kNamesBoth =
    AllOf(HasSubstr("no model \"other\""), HasSubstr("this server has \"fake\""));

v1::RerankRequest OneProblem() {
  v1::RerankRequest request;
  request.set_problem("p");
  request.add_candidates()->add_steps("a");
  return request;
}

// The result of each kind of call that names `model`.
std::vector<grpc::Status> StatusesFor(const Server& server, const std::string& model) {
  const auto stub = StubFor(server.address());
  std::vector<grpc::Status> statuses;
  v1::ScoreTracesRequest traces = RequestOf({MakeTrace("t", "p", {"a"})});
  traces.set_model(model);
  statuses.push_back(Ask(*stub, traces).status);
  {
    v1::RerankRequest request = OneProblem();
    request.set_model(model);
    grpc::ClientContext context;
    v1::RerankResponse response;
    statuses.push_back(stub->Rerank(&context, request, &response));
  }
  v1::DescribeModelRequest request;
  request.set_model(model);
  grpc::ClientContext context;
  v1::DescribeModelResponse response;
  statuses.push_back(stub->DescribeModel(&context, request, &response));
  return statuses;
}

TEST(ServedModel, AnotherNameIsNotFoundAndTheAnswerNamesWhatIsServed) {
  const auto server = Start();
  for (const char* model : {"", "fake"}) {
    for (const grpc::Status& status : StatusesFor(*server, model)) {
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
  }
  for (const grpc::Status& status : StatusesFor(*server, "other")) {
    EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
    EXPECT_THAT(status.error_message(), kNamesBoth);
  }
}

TEST(ServedModel, ASessionOfAnotherIsNotFoundAndItsStreamLivesOn) {
  const auto server = Start();
  ClientOptions options;
  options.server = server->address();
  SessionClient stream(options);
  EXPECT_THAT(MessageOf([&] { stream.Open("s", {.problem = "p", .model = "other"}); },
                        ErrorCode::kNotFound),
              kNamesBoth);
  stream.Open("s", {.problem = "p", .model = "fake"});
  EXPECT_EQ(stream.Append("s", "a").index, 0);
}

TEST(ServedModel, ClientsAskForTheirs) {
  const auto server = Start();
  ClientOptions options;
  options.server = server->address();
  const Trace trace = MakeTrace("t", "p", {"a"});
  RerankProblem problem;
  problem.problem = "p";
  problem.candidates.push_back({{"a"}, {}, {}});
  const auto rank = [&] {
    RerankClient client(options, AggregateKind::kMin, [](const auto&, const auto&) {});
    client.Add(problem);
    client.Flush();
  };
  options.model = "fake";
  EXPECT_FALSE(AskAll<ScoringClient>(options, {trace})[0].error);
  EXPECT_FALSE(AskAll<StreamedScoring>(options, {trace})[0].error);
  EXPECT_NO_THROW(rank());
  options.model = "other";
  const auto refusal = [](const auto& ask) { return MessageOf(ask, ErrorCode::kNotFound); };
  EXPECT_THAT(refusal([&] { AskAll<ScoringClient>(options, {trace}); }), kNamesBoth);
  EXPECT_THAT(refusal([&] { AskAll<StreamedScoring>(options, {trace}); }), kNamesBoth);
  EXPECT_THAT(refusal(rank), kNamesBoth);
}

TEST(Diagnostics, ComeWithAnswersThatAskForThem) {
  const auto server = Start();
  const auto stub = StubFor(server->address());
  v1::ScoreTracesRequest traces = RequestOf({MakeTrace("t", "p", {"a"})});
  EXPECT_FALSE(Ask(*stub, traces).response.has_diagnostics());
  traces.set_diagnostics(true);
  const v1::ScoreTracesResponse scored = Ask(*stub, traces).response;
  ASSERT_TRUE(scored.has_diagnostics());
  EXPECT_EQ(scored.diagnostics().build_version(), BuildVersion());
  EXPECT_GE(scored.diagnostics().tokenize_us(), 0);
  v1::RerankRequest problem = OneProblem();
  problem.set_diagnostics(true);
  grpc::ClientContext context;
  v1::RerankResponse ranked;
  ASSERT_TRUE(stub->Rerank(&context, problem, &ranked).ok());
  EXPECT_EQ(ranked.diagnostics().build_version(), BuildVersion());
}

TEST(Diagnostics, ComputingTakesAsLongAsTheScorerDid) {
  constexpr std::chrono::microseconds kWork(2000);
  auto scorer = std::make_unique<FakeScorer>();
  scorer->on_score = [&](auto) {
    const auto end = std::chrono::steady_clock::now() + kWork;
    while (std::chrono::steady_clock::now() < end) continue;
  };
  const Server server(QuietOptions(), std::move(scorer));
  v1::ScoreTracesRequest request = RequestOf({MakeTrace("t", "p", {"a"})});
  request.set_diagnostics(true);
  const v1::Diagnostics calls = Ask(*StubFor(server.address()), request).response.diagnostics();
  EXPECT_GE(calls.compute_us(), kWork.count());
  ClientOptions options;
  options.server = server.address();
  SessionClient stream(options);
  stream.Open("s", {.problem = "p", .diagnostics = true});
  stream.Send({"s", AppendText{"a", true, true, {}}});
  EXPECT_GE(stream.Receive().diagnostics.value().compute_us, kWork.count());
}

TEST(Diagnostics, ComeWithEachScoreOfASessionThatWantsThemAndOfItsForks) {
  const auto server = Start();
  ClientOptions options;
  options.server = server->address();
  SessionClient stream(options);
  stream.Open("plain", {.problem = "p"});
  stream.Open("asking", {.problem = "p", .diagnostics = true});
  stream.Fork("fork", "asking");
  const auto reply = [&](const std::string& session) {
    stream.Send({session, AppendText{"a", true, true, {}}});
    return stream.Receive();
  };
  EXPECT_FALSE(reply("plain").diagnostics);
  for (const char* session : {"asking", "fork"}) {
    const auto diagnostics = reply(session).diagnostics;
    ASSERT_TRUE(diagnostics) << session;
    EXPECT_EQ(diagnostics->build_version, BuildVersion());
  }
}

}  // namespace
}  // namespace prm
