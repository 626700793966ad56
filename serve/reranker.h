// From a stream of problems to ranked problems, batching candidates across problems.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "data/rerank_file.h"

namespace prm {

// What scores candidates: a model of this process or a server.
class RerankEngine {
 public:
  virtual ~RerankEngine() = default;
  // Lines go to `emit`, within Add or Flush, in the order of Add.
  virtual void Add(const Trace& trace) = 0;
  virtual void Flush() = 0;

  std::function<void(ScoreLine)> emit;  // set by Reranker
};

// One thread. Holds the problems whose scores are on the way.
class Reranker {
 public:
  using Ranked = std::function<void(const RerankProblem&, const RerankResult&)>;

  // `engine` outlives it; `weight`: the aggregate that weighted voting sums. `ranked` gets every
  // problem once, in the order of Add.
  Reranker(RerankEngine& engine, AggregateKind weight, Ranked ranked);

  void Add(RerankProblem problem);
  void Flush();

 private:
  void Take(ScoreLine line);

  RerankEngine& engine_;
  const AggregateKind weight_;
  const Ranked ranked_;
  std::deque<RerankProblem> waiting_;
  std::vector<ScoreLine> lines_;  // of waiting_.front(), so far
};

}  // namespace prm
