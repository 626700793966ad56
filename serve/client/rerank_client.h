// The client of Rerank: one problem per call, several calls in flight, results in order.
#pragma once

#include <deque>
#include <future>
#include <memory>

#include "data/metrics/aggregates.h"
#include "serve/client/client.h"
#include "serve/client/client_options.h"
#include "serve/client/reranker.h"

namespace prm {

// Used by one thread at a time; `ranked` is called on it, in Add and Flush, in the order of Add. If
// the server refuses a problem (too many candidates or tokens), all its candidates carry the error.
// Add and Flush throw Error, which names the server, if a call fails otherwise: the server is gone
// or full after all attempts, or its answer does not fit the request.
class RerankClient : public ProblemRanker {
 public:
  // `weight`: the aggregate that weighted voting sums.
  RerankClient(const ClientOptions& options, AggregateKind weight, Ranked ranked);
  // Waits for calls in flight and drops their results.
  ~RerankClient() override;

  void Add(RerankProblem problem) override;
  void Flush() override;

 private:
  struct Calls;
  struct Done {
    RerankProblem problem;
    RerankResult result;
  };

  void TakeFirst();

  const AggregateKind weight_;
  const std::string model_;
  const Ranked ranked_;
  const int calls_in_flight_;
  const std::shared_ptr<Calls> calls_;       // shared with calls in flight
  std::deque<std::future<Done>> in_flight_;  // in the order of sending
};

}  // namespace prm
