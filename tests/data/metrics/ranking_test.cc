#include "data/metrics/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "data/answers/answers.h"
#include "data/error.h"
#include "data/io/text_io.h"
#include "data/metrics/aggregates.h"
#include "data/metrics/metrics.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

using ::testing::DoubleNear;
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
  EXPECT_THAT(DoubtfulWinners(candidates, ranking, std::vector{2, -1, 0, 0, 0}), ElementsAre(0, 2));
  EXPECT_THAT(DoubtfulWinners(candidates, ranking, std::vector{-1, -1, -1, 0, 0}), IsEmpty());
  EXPECT_THROW(DoubtfulWinners(candidates, ranking, std::vector{-1}), Error);
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

// The rules of RankCandidates applied to every subset, one by one.
BestOfN CountSubsets(const std::vector<RankedCandidate>& candidates,
                     const std::vector<bool>& is_correct) {
  const size_t count = candidates.size();
  BestOfN result;
  for (auto& choice : result.choice) choice.assign(count, 0);
  result.majority.assign(count, 0);
  result.pass.assign(count, 0);
  std::vector<double> weighted(count), subsets(count);
  for (uint32_t mask = 1; mask < (1u << count); ++mask) {
    std::vector<RankedCandidate> subset;
    std::vector<bool> truth;
    for (size_t i = 0; i < count; ++i) {
      if (!(mask >> i & 1)) continue;
      subset.push_back(candidates[i]);
      truth.push_back(is_correct[i]);
    }
    const auto right = [&](std::optional<int> index) { return index && truth[size_t(*index)]; };
    const Ranking ranking = RankCandidates(subset);
    const size_t n = subset.size() - 1;
    ++subsets[n];
    for (size_t kind = 0; kind < kNumAggregates; ++kind) {
      result.choice[kind][n] += right(ranking.choice[kind]);
    }
    result.majority[n] += right(ranking.majority);
    weighted[n] += right(ranking.weighted);
    result.pass[n] += std::count(truth.begin(), truth.end(), true) > 0;
  }
  for (size_t n = 0; n < count; ++n) {
    for (auto& choice : result.choice) choice[n] /= subsets[n];
    result.majority[n] /= subsets[n];
    result.pass[n] /= subsets[n];
    result.weighted.push_back(weighted[n] / subsets[n]);
  }
  return result;
}

void ExpectSame(const BestOfN& exact, const BestOfN& counted) {
  for (size_t kind = 0; kind < kNumAggregates; ++kind) {
    EXPECT_THAT(exact.choice[kind],
                ::testing::Pointwise(::testing::DoubleNear(1e-12), counted.choice[kind]));
  }
  EXPECT_THAT(exact.majority, ::testing::Pointwise(::testing::DoubleNear(1e-12), counted.majority));
  EXPECT_THAT(exact.pass, ::testing::Pointwise(::testing::DoubleNear(1e-12), counted.pass));
  for (size_t n = 0; n < counted.weighted.size(); ++n) {
    EXPECT_THAT(exact.weighted[n], Optional(DoubleNear(*counted.weighted[n], 1e-12)));
  }
}

// Few distinct scores and answers, so that ties decide; truths that do not follow the answers, so
// that it matters which candidate stands for an answer.
TEST(Ranking, ExpectationEqualsCountingEverySubset) {
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    std::vector<RankedCandidate> candidates;
    std::vector<bool> is_correct;
    for (size_t count = 1 + random() % 10; count > 0; --count) {
      RankedCandidate& candidate = candidates.emplace_back();
      const auto score = [&] { return double(random() % 4) / 4; };
      if (random() % 6 != 0) candidate.aggregates = Aggregates{score(), score(), score(), score()};
      if (random() % 5 != 0) candidate.answer = std::string(1, char('a' + random() % 3));
      is_correct.push_back(random() % 2);
    }
    ExpectSame(ExpectBestOfN(candidates, is_correct), CountSubsets(candidates, is_correct));
  }
}

TEST(Ranking, WeightedIsLeftOutWhereSubsetsAreTooMany) {
  const std::vector<RankedCandidate> candidates(40, Scored(0.5, "a"));
  const BestOfN result = ExpectBestOfN(candidates, std::vector<bool>(40, true));
  EXPECT_EQ(result.weighted[19], std::nullopt);
  EXPECT_EQ(result.weighted[0], 1.0);
  EXPECT_EQ(result.weighted[39], 1.0);
  EXPECT_NEAR(result.majority[19], 1.0, 1e-12);
}

// A choice is made for every subset, so with all correct it is certain: nothing is lost or counted
// twice where the counts are far beyond what a double holds exactly.
TEST(Ranking, ProbabilitiesOfManyCandidatesSumToOne) {
  std::vector<RankedCandidate> candidates;
  for (int i = 0; i < 128; ++i) candidates.push_back(Scored(i % 7, std::to_string(i % 5)));
  const BestOfN result =
      ExpectBestOfN(candidates, std::vector<bool>(128, true), {.max_subsets = 1});
  for (size_t n = 0; n < 128; ++n) {
    EXPECT_NEAR(result.majority[n], 1, 1e-9) << n;
    EXPECT_NEAR(result.choice[0][n], 1, 1e-9) << n;
    EXPECT_EQ(result.pass[n], 1) << n;
  }
}

TEST(Ranking, TruthsMustBeOneACandidate) {
  EXPECT_THROW(ExpectBestOfN(std::vector{Scored(1, "a")}, {}), Error);
  EXPECT_TRUE(ExpectBestOfN({}, {}).majority.empty());
}

TEST(Ranking, BootstrapIntervalHoldsTheMeanAndNarrowsWithData) {
  std::vector<double> values;
  for (int i = 0; i < 400; ++i) values.push_back(i % 4 == 0);
  const Interval wide = BootstrapMean(std::span(values).first(40));
  const Interval narrow = BootstrapMean(values);
  EXPECT_LT(narrow.low, 0.25);
  EXPECT_GT(narrow.high, 0.25);
  EXPECT_GT(wide.high - wide.low, 2 * (narrow.high - narrow.low));
  // Normal approximation: 0.25 +- 1.96 sqrt(0.25 * 0.75 / 400).
  EXPECT_NEAR(narrow.low, 0.25 - 0.0424, 0.006);
  EXPECT_NEAR(narrow.high, 0.25 + 0.0424, 0.006);
  EXPECT_EQ(narrow.low, BootstrapMean(values).low);
  const std::vector<double> same(5, 0.5);
  EXPECT_EQ(BootstrapMean(same).low, 0.5);
  EXPECT_THROW(BootstrapMean({}), Error);
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
      const BestOfN best =
          ExpectBestOfN(problem.candidates, problem.is_correct, {.max_subsets = 1});
      ASSERT_EQ(best.pass.size(), reference["n_candidates"].get<size_t>());
      for (const auto& [kind, name] :
           {std::pair(AggregateKind::kMin, "min"), std::pair(AggregateKind::kLast, "last"),
            std::pair(AggregateKind::kMean, "mean"), std::pair(AggregateKind::kProduct, "prod")}) {
        mean["bon_" + prm + "_" + name] += best.choice[size_t(kind)].back() / 206;
      }
      mean["mean_acc"] += best.choice[0].front() / 206;
      mean["majority_vote"] += best.majority.back() / 206;
      mean["pass_at_n"] += best.pass.back() / 206;
      for (size_t i = 0; i < problem.candidates.size(); ++i) {
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
