// Ranks a stream of problems; candidates are batched across problems.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "data/metrics/aggregates.h"
#include "data/records/rerank_file.h"
#include "data/records/score_lines.h"

namespace prm {

// Ranks problems: by a model of this process (Reranker) or on a server (RerankClient). One thread.
class ProblemRanker {
 public:
  // Gets every problem once, in the order of Add, within Add or Flush.
  using Ranked = std::function<void(const RerankProblem&, const RerankResult&)>;

  virtual ~ProblemRanker() = default;
  virtual void Add(RerankProblem problem) = 0;
  virtual void Flush() = 0;
};

// Scores candidates for a Reranker.
class RerankEngine {
 public:
  virtual ~RerankEngine() = default;
  // Lines go to `emit`, within Add or Flush, in the order of Add.
  virtual void Add(const Trace& trace) = 0;
  virtual void Flush() = 0;

  std::function<void(ScoreLine)> emit;  // set by Reranker
};

// Holds problems until their scores arrive.
class Reranker : public ProblemRanker {
 public:
  // `engine` outlives it; `weight`: the aggregate that weighted voting sums.
  Reranker(RerankEngine& engine, AggregateKind weight, Ranked ranked);

  void Add(RerankProblem problem) override;
  void Flush() override;

 private:
  void Take(ScoreLine line);

  RerankEngine& engine_;
  const AggregateKind weight_;
  const Ranked ranked_;
  std::deque<RerankProblem> waiting_;
  std::vector<ScoreLine> lines_;  // of waiting_.front(), so far
};

}  // namespace prm
