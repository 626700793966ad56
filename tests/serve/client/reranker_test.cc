#include "serve/client/reranker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/metrics/aggregates.h"
#include "data/records/score_lines.h"

namespace prm {
namespace {

using testing::ElementsAre;

// Answers in groups that are not aligned with problems, as batches do; the score is in the step.
class FakeEngine : public RerankEngine {
 public:
  explicit FakeEngine(size_t group) : group_(group) {}
  void Add(const Trace& trace) override {
    const float score = std::stof(trace.steps[0].text);
    waiting_.push_back(MakeScoreLine(trace.id, TraceScores{{score}, {}}, 0.5));
    if (waiting_.size() == group_) Flush();
  }
  void Flush() override {
    for (ScoreLine& line : waiting_) emit(std::move(line));
    waiting_.clear();
  }

 private:
  size_t group_;
  std::vector<ScoreLine> waiting_;
};

RerankProblem Problem(const std::string& id, const std::vector<std::string>& scores) {
  RerankProblem problem;
  problem.id = id;
  problem.problem = "p";
  for (const std::string& score : scores) problem.candidates.push_back({{score}, "1", {}});
  return problem;
}

TEST(Reranker, RanksEachProblemWithItsOwnScoresWhateverTheBatches) {
  for (size_t group = 1; group <= 7; ++group) {
    FakeEngine engine(group);
    std::vector<std::string> ids;
    std::vector<std::vector<int>> orders;
    Reranker reranker(engine, AggregateKind::kMin,
                      [&](const RerankProblem& problem, const RerankResult& result) {
                        ids.push_back(problem.id);
                        orders.push_back(result.ranking.order[0]);
                      });
    reranker.Add(Problem("a", {"0.1", "0.9", "0.5"}));
    reranker.Add(Problem("b", {"0.3"}));
    reranker.Add(Problem("c", {"0.8", "0.7"}));
    reranker.Flush();
    EXPECT_THAT(ids, ElementsAre("a", "b", "c")) << group;
    EXPECT_THAT(orders, ElementsAre(ElementsAre(1, 2, 0), ElementsAre(0), ElementsAre(0, 1)));
  }
}

}  // namespace
}  // namespace prm
