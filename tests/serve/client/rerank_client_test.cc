#include "serve/client/rerank_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/metrics/aggregates.h"
#include "data/records/score_lines.h"
#include "serve/client/client_options.h"
#include "serve/wire/rerank_codec.h"
#include "tests/error_of.h"
#include "tests/serve/server_fixture.h"

namespace prm {
namespace {

using grpc::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::unique_ptr<Server> StartReranker(const ServerOptions& options = QuietOptions()) {
  auto scorer = std::make_unique<FakeScorer>();
  scorer->ReusePrefixes();
  return std::make_unique<Server>(options, std::move(scorer));
}

RerankProblem Problem(const std::string& id, int candidates) {
  RerankProblem problem;
  problem.id = id;
  problem.problem = "What is half of " + id + "?";
  for (int i = 0; i < candidates; ++i) {
    problem.candidates.push_back(
        {{"first", StrCat("way ", i), StrCat("The answer is ", i % 3)}, {}, {}});
  }
  return problem;
}

// The ranking without a server.
RerankResult OfflineResult(const RerankProblem& problem, AggregateKind weight) {
  std::vector<ScoreLine> lines;
  for (size_t i = 0; i < problem.candidates.size(); ++i) {
    lines.push_back(OfflineLine(CandidateTrace(problem, int(i))));
  }
  return RankProblem(problem, std::move(lines), weight);
}

std::vector<RerankResult> RankAll(const ClientOptions& options,
                                  const std::vector<RerankProblem>& problems,
                                  AggregateKind weight = AggregateKind::kMin) {
  std::vector<RerankResult> results;
  RerankClient client(options, weight,
                      [&](const RerankProblem& problem, const RerankResult& result) {
                        EXPECT_EQ(problem.id, result.id);
                        results.push_back(result);
                      });
  for (const RerankProblem& problem : problems) client.Add(problem);
  client.Flush();
  return results;
}

ClientOptions ClientOf(const Server& server) {
  ClientOptions options;
  options.server = server.address();
  return options;
}

grpc::Status Ask(const Server& server, const v1::RerankRequest& request,
                 v1::RerankResponse* response) {
  grpc::ClientContext context;
  return StubFor(server.address())->Rerank(&context, request, response);
}

v1::RerankRequest RequestFor(const RerankProblem& problem) {
  v1::RerankRequest request;
  ToMessage(RerankInput{problem}, &request);
  return request;
}

TEST(Rerank, AServersResultIsTheLocalOneByteForByteInTheOrderOfAdd) {
  const auto server = StartReranker();
  std::vector<RerankProblem> problems;
  for (int i = 0; i < 20; ++i) problems.push_back(Problem(StrCat("p", i), 1 + i * 3 % 16));
  problems[3].candidates[0].answer = "\\boxed{\\frac{1}{2}}";
  for (const AggregateKind weight : {AggregateKind::kMin, AggregateKind::kMean}) {
    const auto results = RankAll(ClientOf(*server), problems, weight);
    ASSERT_EQ(results.size(), problems.size());
    for (size_t i = 0; i < problems.size(); ++i) {
      EXPECT_EQ(RerankResultToJson(results[i]),
                RerankResultToJson(OfflineResult(problems[i], weight)));
    }
  }
}

TEST(Rerank, WhatCandidatesShareIsComputedOnce) {
  auto owned = std::make_unique<FakeScorer>();
  owned->ReusePrefixes();
  FakeScorer* scorer = owned.get();
  const Server server(QuietOptions(), std::move(owned));
  RerankProblem problem = Problem("p", 8);
  problem.problem = std::string(300, 'x');
  RankAll(ClientOf(server), {problem});
  // "\nfirst\nway " too; after it, "0\nThe answer is 0\n" of each.
  EXPECT_EQ(scorer->tokens_computed, 300 + 11 + 8 * 18);
}

TEST(Rerank, AnswersAreComparedInOneForm) {
  const auto server = StartReranker();
  RerankProblem problem = Problem("p", 5);
  const char* answers[] = {"1/2", "\\boxed{\\frac{1}{2}}", "0.50", "(A)", "a."};
  for (size_t i = 0; i < 5; ++i) problem.candidates[i].answer = answers[i];
  v1::RerankResponse response;
  ASSERT_TRUE(Ask(*server, RequestFor(problem), &response).ok());
  std::vector<std::string> normalized;
  for (const auto& candidate : response.candidates()) {
    normalized.push_back(candidate.normalized_answer());
    EXPECT_EQ(candidate.answer_source(), "given");
  }
  EXPECT_THAT(normalized, ElementsAre("0.5", "0.5", "0.5", "A", testing::_));
  EXPECT_EQ(response.majority().candidate(), 0);
  EXPECT_THAT(response.majority().tied(), IsEmpty());
}

TEST(Rerank, TiesAndDoubtfulWinnersAreNamed) {
  const auto server = StartReranker();
  RerankProblem problem = Problem("p", 4);
  for (size_t i = 0; i < 4; ++i) problem.candidates[i].answer = i % 2 ? "x" : "y";
  problem.candidates[2].steps = problem.candidates[0].steps;
  v1::RerankResponse response;
  ASSERT_TRUE(Ask(*server, RequestFor(problem), &response).ok());
  EXPECT_EQ(response.majority().candidate(), 0);
  EXPECT_THAT(response.majority().tied(), ElementsAre(0, 1));
  const RerankResult offline = OfflineResult(problem, AggregateKind::kMin);
  EXPECT_EQ(ToRerankResult(response, problem).ranking, offline.ranking);
  EXPECT_EQ(ToRerankResult(response, problem).doubtful, offline.doubtful);
  for (const int i : response.doubtful()) {
    EXPECT_GE(response.candidates(i).result().scores().first_error(), 0);
  }
}

TEST(Rerank, ABadCandidateDoesNotFailItsNeighbours) {
  const auto server = StartReranker();
  RerankProblem problem = Problem("p", 5);
  problem.candidates[1].steps.clear();
  problem.candidates[2].steps = {"a", ""};
  problem.candidates[3].steps = {"poison \x01"};
  v1::RerankResponse response;
  ASSERT_TRUE(Ask(*server, RequestFor(problem), &response).ok());
  const char* says[] = {"", "no steps", "step 1 is empty", "poisoned", ""};
  for (int i = 0; i < 5; ++i) {
    const v1::TraceResult& result = response.candidates(i).result();
    EXPECT_EQ(result.id(), StrCat("p/", i));
    EXPECT_EQ(result.has_error(), *says[i] != 0) << i;
    EXPECT_THAT(result.error().message(), HasSubstr(says[i]));
  }
  for (const auto* ranking : {&response.min(), &response.product(), &response.last()}) {
    EXPECT_THAT(ranking->order(), testing::UnorderedElementsAre(0, 4));
  }
  EXPECT_EQ(response.candidates(0).result().scores().tokens(),
            response.candidates(4).result().scores().tokens());
}

TEST(Rerank, BadRequestsAreRefusedByName) {
  ServerOptions options = QuietOptions();
  options.limits.max_traces = 4;
  options.limits.max_call_tokens = 500;
  const auto server = Start(options);
  const auto refused = [&](const v1::RerankRequest& request) {
    v1::RerankResponse response;
    const grpc::Status status = Ask(*server, request, &response);
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << status.error_message();
    return status.error_message();
  };
  EXPECT_THAT(refused(RequestFor(Problem("none", 0))),
              HasSubstr("problem none: expected at least one candidate"));
  EXPECT_THAT(refused(RequestFor(Problem("many", 5))), HasSubstr("at most 4"));
  RerankProblem blank = Problem("blank", 1);
  blank.problem = " \n";
  EXPECT_THAT(refused(RequestFor(blank)), HasSubstr("problem blank: expected a problem with text"));
  v1::RerankRequest weight = RequestFor(Problem("weight", 1));
  weight.set_weight(v1::AggregateKind(7));
  EXPECT_THAT(refused(weight), HasSubstr("weight 7: expected a value of prm.v1.AggregateKind"));
  RerankProblem longer = Problem("long", 2);
  longer.problem = std::string(400, 'x');
  EXPECT_THAT(refused(RequestFor(longer)), HasSubstr("500 tokens"));
}

TEST(RerankClient, AProblemThatIsRefusedFailsAlone) {
  ServerOptions options = QuietOptions();
  options.limits.max_traces = 4;
  const auto server = Start(options);
  const auto results =
      RankAll(ClientOf(*server), {Problem("a", 2), Problem("many", 5), Problem("b", 2)});
  ASSERT_EQ(results.size(), 3u);
  EXPECT_FALSE(results[0].candidates[0].error);
  ASSERT_EQ(results[1].candidates.size(), 5u);
  EXPECT_THAT(results[1].candidates[4].error.value().what(), HasSubstr("at most 4"));
  EXPECT_EQ(results[1].candidates[4].id, "many/4");
  EXPECT_FALSE(results[2].candidates[0].error);
}

TEST(RerankClient, NamesAServerThatIsGone) {
  ClientOptions options = ClientOf(*Start());
  options.attempts = 2;
  options.sleep = [](std::chrono::milliseconds) {};
  EXPECT_THAT(MessageOf([&] { RankAll(options, {Problem("a", 1)}); }, ErrorCode::kUnavailable),
              HasSubstr(options.server));
}

TEST(RerankCodec, AnswersThatDoNotFitTheQuestionAreRefused) {
  const auto server = StartReranker();
  const RerankProblem problem = Problem("p", 3);
  v1::RerankResponse good;
  ASSERT_TRUE(Ask(*server, RequestFor(problem), &good).ok());
  EXPECT_EQ(ToRerankResult(good, problem).candidates.size(), 3u);
  const auto refused = [&](const std::function<void(v1::RerankResponse&)>& spoil) {
    v1::RerankResponse message = good;
    spoil(message);
    return MessageOf([&] { ToRerankResult(message, problem); }, ErrorCode::kDataLoss);
  };
  EXPECT_THAT(refused([](auto& m) { m.set_id("q"); }), HasSubstr("for problem q"));
  EXPECT_THAT(refused([](auto& m) { m.mutable_candidates()->RemoveLast(); }),
              HasSubstr("2 candidates; expected 3"));
  EXPECT_THAT(refused([](auto& m) { m.mutable_min()->set_order(0, 3); }),
              HasSubstr("no candidate 3; expected an index below 3"));
  EXPECT_THAT(refused([](auto& m) { m.mutable_majority()->set_candidate(-1); }),
              HasSubstr("no candidate -1"));
  EXPECT_THAT(refused([](auto& m) { m.add_doubtful(9); }), HasSubstr("no candidate 9"));
  EXPECT_THAT(refused([](auto& m) {
                auto* scores = m.mutable_candidates(1)->mutable_result()->mutable_scores();
                scores->mutable_scores()->RemoveLast();
                scores->mutable_label_probs()->RemoveLast();
              }),
              HasSubstr("candidate 1: 2 scores for 3 steps"));
  EXPECT_THAT(refused([](auto& m) { m.mutable_candidates(1)->set_answer_source("guess"); }),
              HasSubstr("answer source \"guess\""));
}

}  // namespace
}  // namespace prm
