#include "serve/client/reranker.h"

#include <utility>

#include "data/metrics/aggregates.h"
#include "data/records/score_lines.h"

namespace prm {

Reranker::Reranker(RerankEngine& engine, AggregateKind weight, Ranked ranked)
    : engine_(engine), weight_(weight), ranked_(std::move(ranked)) {
  engine_.emit = [this](ScoreLine line) { Take(std::move(line)); };
}

void Reranker::Add(RerankProblem problem) {
  std::vector<Trace> traces;
  for (size_t i = 0; i < problem.candidates.size(); ++i) {
    traces.push_back(CandidateTrace(problem, int(i)));
  }
  waiting_.push_back(std::move(problem));
  for (const Trace& trace : traces) engine_.Add(trace);
}

void Reranker::Flush() { engine_.Flush(); }

void Reranker::Take(ScoreLine line) {
  lines_.push_back(std::move(line));
  if (lines_.size() < waiting_.front().candidates.size()) return;
  const RerankProblem problem = std::move(waiting_.front());
  waiting_.pop_front();
  ranked_(problem, RankProblem(problem, std::exchange(lines_, {}), weight_));
}

}  // namespace prm
