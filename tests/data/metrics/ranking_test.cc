#include "data/metrics/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "data/answers/answers.h"
#include "data/error.h"
#include "data/io/text_io.h"
#include "data/metrics/aggregates.h"
#include "data/metrics/metrics.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

RankedCandidate Scored(double score, std::string answer) {
  return {Aggregates{score, score, score, score}, std::move(answer)};
}
RankedCandidate Failed(std::string answer) { return {std::nullopt, std::move(answer)}; }

TEST(Ranking, OrdersEachAggregateDescendingWithTiesByIndex) {
  const std::vector<RankedCandidate> candidates = {{Aggregates{0.1, 0.5, 0.5, 0.9}, "a"},
                                                   {Aggregates{0.3, 0.5, 0.4, 0.8}, "b"},
                                                   {Aggregates{0.2, 0.6, 0.5, 0.9}, "c"}};
  const Ranking ranking = RankCandidates(candidates);
  EXPECT_THAT(ranking.order[size_t(AggregateKind::kMin)], ElementsAre(1, 2, 0));
  EXPECT_THAT(ranking.order[size_t(AggregateKind::kProduct)], ElementsAre(2, 0, 1));
  EXPECT_THAT(ranking.order[size_t(AggregateKind::kLast)], ElementsAre(0, 2, 1));
  EXPECT_THAT(ranking.order[size_t(AggregateKind::kMean)], ElementsAre(0, 2, 1));
  EXPECT_THAT(ranking.choice, ElementsAre(Optional(1), Optional(2), Optional(0), Optional(0)));
}

TEST(Ranking, MajorityIsTheFirstOfTheMostFrequentAnswer) {
  EXPECT_EQ(RankCandidates(std::vector{Scored(1, "a"), Scored(0, "b"), Scored(0, "b")}).majority,
            1);
  EXPECT_EQ(
      RankCandidates(std::vector{Scored(0, "b"), Scored(1, "a"), Scored(0, "a"), Scored(0, "b")})
          .majority,
      0);
}

TEST(Ranking, TiesAreExplicitAndTheChoiceIsTheirFirst) {
  const Ranking ranking = RankCandidates(std::vector{
      Scored(0.25, "a"), Scored(0.5, "b"), Scored(0.25, "a"), Scored(0.5, "c"), Failed("b")});
  for (size_t kind = 0; kind < kNumAggregates; ++kind) {
    EXPECT_EQ(ranking.choice[kind], 1);
    EXPECT_THAT(ranking.choice_ties[kind], ElementsAre(1, 3));
  }
  EXPECT_EQ(ranking.majority, 0);
  EXPECT_THAT(ranking.majority_ties, ElementsAre(0, 1)) << "a and b, twice each";
  EXPECT_EQ(ranking.weighted, 0);
  EXPECT_THAT(ranking.weighted_ties, ElementsAre(0, 1, 3)) << "0.5 each";
}

TEST(Ranking, AChoiceThatStandsAloneHasNoTies) {
  const Ranking ranking =
      RankCandidates(std::vector{Scored(0.25, "a"), Scored(0.5, "b"), Failed("b")});
  EXPECT_THAT(ranking.choice_ties, testing::Each(IsEmpty()));
  EXPECT_THAT(ranking.majority_ties, IsEmpty());
  EXPECT_THAT(ranking.weighted_ties, IsEmpty());
}

TEST(Ranking, DoubtfulIsWhoWonAVoteByAWayWithALikelyWrongStep) {
  const std::vector<RankedCandidate> candidates = {
      Scored(0.1, "a"), Scored(0.1, "a"), Scored(0.9, "b"), Scored(0.1, "c"), Scored(0.9, "")};
  const Ranking ranking = RankCandidates(candidates);
  ASSERT_EQ(ranking.majority, 0);
  ASSERT_EQ(ranking.weighted, 2);
  using FirstErrors = std::vector<std::optional<int>>;
  const FirstErrors some = {2, {}, 0, 0, 0}, none = {{}, {}, {}, 0, 0};
  EXPECT_THAT(DoubtfulWinners(candidates, ranking, some), ElementsAre(0, 2));
  EXPECT_THAT(DoubtfulWinners(candidates, ranking, none), IsEmpty());
  EXPECT_THROW(DoubtfulWinners(candidates, ranking, FirstErrors(1)), Error);
}

TEST(Ranking, WeightedSumsTheChosenAggregatePerAnswer) {
  const std::vector<RankedCandidate> candidates = {{Aggregates{0.2, 0.9, 0, 0}, "a"},
                                                   {Aggregates{0.3, 0.1, 0, 0}, "b"},
                                                   {Aggregates{0.3, 0.1, 0, 0}, "b"}};
  EXPECT_EQ(RankCandidates(candidates, AggregateKind::kMin).weighted, 1);
  EXPECT_EQ(RankCandidates(candidates, AggregateKind::kProduct).weighted, 0);
  EXPECT_EQ(RankCandidates(candidates, AggregateKind::kLast).weighted, 0) << "all weights 0: a tie";
}

TEST(Ranking, CandidatesWithoutAnswerDoNotVote) {
  const Ranking ranking =
      RankCandidates(std::vector{Scored(0.9, ""), Scored(0.8, ""), Scored(0.1, "a")});
  EXPECT_EQ(ranking.majority, 2);
  EXPECT_EQ(ranking.weighted, 2);
  EXPECT_EQ(ranking.choice[0], 0);
  const Ranking silent = RankCandidates(std::vector{Scored(0.9, ""), Scored(0.8, "")});
  EXPECT_EQ(silent.majority, std::nullopt);
  EXPECT_EQ(silent.weighted, std::nullopt);
}

TEST(Ranking, FailedCandidatesAreRankedNowhereButTheirAnswersCount) {
  const Ranking ranking =
      RankCandidates(std::vector{Failed("b"), Scored(0.5, "a"), Failed("b"), Scored(0.1, "b")});
  EXPECT_THAT(ranking.order[0], ElementsAre(1, 3));
  EXPECT_EQ(ranking.majority, 0);
  EXPECT_EQ(ranking.weighted, 1);
  const Ranking none = RankCandidates(std::vector{Failed("b")});
  EXPECT_THAT(none.order[0], IsEmpty());
  EXPECT_EQ(none.choice[0], std::nullopt);
  EXPECT_EQ(none.weighted, std::nullopt);
  EXPECT_EQ(RankCandidates({}).majority, std::nullopt);
}

// Problems scored by published PRMs, against values computed by independent code.
struct ReferenceProblem {
  std::vector<RankedCandidate> candidates;
  std::vector<bool> is_correct;
};

std::vector<ReferenceProblem> ReadScoredBy(const std::string& prm) {
  std::vector<ReferenceProblem> problems;
  LineReader lines(SharedData() / "rerank" / "gsm8k_bon32_public.jsonl.xz");
  std::string_view line;
  while (lines.Next(&line)) {
    const auto json = nlohmann::json::parse(line);
    ReferenceProblem& problem = problems.emplace_back();
    for (const auto& candidate : json["candidates"]) {
      const auto scores = candidate["ref_prm_step_scores"][prm].get<std::vector<float>>();
      problem.candidates.push_back(
          {Aggregate(scores), NormalizeAnswer(candidate["answer"].dump())});
      problem.is_correct.push_back(candidate["is_correct"]);
    }
  }
  return problems;
}

TEST(Ranking, AgreesWithPublishedPrmsReference) {
  PRM_NEED_SHARED_DATA("rerank/reference_bon.json");
  std::ifstream file(SharedData() / "rerank" / "reference_bon.json");
  const auto reference = nlohmann::json::parse(file)["gsm8k_bon32_public"];
  const auto rounded = [](double value) { return std::round(value * 1e4) / 1e4; };
  for (const std::string prm : {"qwen_prm", "math_shepherd", "skywork_prm", "rlhflow_prm"}) {
    const std::vector<ReferenceProblem> problems = ReadScoredBy(prm);
    ASSERT_EQ(problems.size(), reference["n_problems"].get<size_t>());
    std::map<std::string, double> mean;
    std::vector<float> min_scores;
    std::vector<bool> correct;
    for (const ReferenceProblem& problem : problems) {
      const Ranking ranking = RankCandidates(problem.candidates);
      const auto right = [&](std::optional<int> choice) {
        return choice && problem.is_correct[size_t(*choice)] ? 1.0 / 206 : 0.0;
      };
      const size_t count = problem.candidates.size();
      ASSERT_EQ(count, reference["n_candidates"].get<size_t>());
      for (const auto& [kind, name] :
           {std::pair(AggregateKind::kMin, "min"), std::pair(AggregateKind::kLast, "last"),
            std::pair(AggregateKind::kMean, "mean"), std::pair(AggregateKind::kProduct, "prod")}) {
        mean["bon_" + prm + "_" + name] += right(ranking.choice[size_t(kind)]);
      }
      const auto correct_ones = std::ranges::count(problem.is_correct, true);
      mean["mean_acc"] += double(correct_ones) / double(count) / 206;
      mean["majority_vote"] += right(ranking.majority);
      mean["pass_at_n"] += (correct_ones > 0) / 206.0;
      for (size_t i = 0; i < count; ++i) {
        min_scores.push_back(float(problem.candidates[i].aggregates->min));
        correct.push_back(problem.is_correct[i]);
      }
    }
    for (const auto& [name, value] : mean) {
      EXPECT_EQ(rounded(value), reference[name].get<double>()) << name;
    }
    EXPECT_EQ(rounded(*Auroc(min_scores, correct)),
              reference["auroc_" + prm + "_min"].get<double>());
  }
}

}  // namespace
}  // namespace prm
