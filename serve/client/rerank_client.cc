#include "serve/client/rerank_client.h"

#include <utility>

#include "data/metrics/aggregates.h"
#include "data/records/score_lines.h"
#include "serve/client/client_options.h"
#include "serve/client/connection.h"
#include "serve/wire/rerank_codec.h"

namespace prm {
namespace {

// The result in which every candidate carries the error.
RerankResult RefusedResult(const RerankInput& input, const Error& why) {
  std::vector<ScoreLine> lines;
  for (size_t i = 0; i < input.problem.candidates.size(); ++i) {
    lines.push_back(MakeErrorLine(CandidateTrace(input.problem, int(i)).id, why));
  }
  return RankProblem(input.problem, std::move(lines), input.weight);
}

}  // namespace

struct RerankClient::Calls {
  explicit Calls(const ClientOptions& options) : connection(options) {}

  RerankResult Rank(const RerankInput& input) const {
    v1::RerankRequest request;
    ToMessage(input, &request);
    v1::RerankResponse response;
    const grpc::Status status =
        connection.WithRetries(input.problem.problem, [&](grpc::ClientContext* context) {
          return connection.stub().Rerank(context, request, &response);
        });
    if (status.error_code() == grpc::StatusCode::INVALID_ARGUMENT) {
      return RefusedResult(input, Error(ErrorCode::kInvalidArgument, status.error_message()));
    }
    if (!status.ok()) connection.Throw(status);
    return ToRerankResult(response, input.problem);
  }

  const Connection connection;
};

RerankClient::RerankClient(const ClientOptions& options, AggregateKind weight, Ranked ranked)
    : weight_(weight),
      model_(options.model),
      ranked_(std::move(ranked)),
      calls_in_flight_(options.calls_in_flight),
      calls_(std::make_shared<Calls>(options)) {}

RerankClient::~RerankClient() = default;

void RerankClient::Add(RerankProblem problem) {
  while (int(in_flight_.size()) >= calls_in_flight_) TakeFirst();
  in_flight_.push_back(std::async(
      std::launch::async,
      [calls = calls_, input = RerankInput{std::move(problem), weight_, model_}]() mutable {
        RerankResult result = calls->Rank(input);
        return Done{std::move(input.problem), std::move(result)};
      }));
}

void RerankClient::Flush() {
  while (!in_flight_.empty()) TakeFirst();
}

void RerankClient::TakeFirst() {
  std::future<Done> first = std::move(in_flight_.front());
  in_flight_.pop_front();
  const Done done = first.get();
  ranked_(done.problem, done.result);
}

}  // namespace prm
