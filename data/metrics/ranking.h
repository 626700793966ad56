// Choosing among sampled solutions of one problem, and how good the choice is on average.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/metrics/aggregates.h"

namespace prm {

// What a choice may look at.
struct RankedCandidate {
  std::optional<Aggregates> aggregates;  // nullopt: scoring failed; ranked nowhere, votes with no
                                         // weight
  std::string answer;                    // normalised; empty: none found, it does not vote
};

// Indices of candidates; nullopt where nothing can be chosen.
struct Ranking {
  // Scored candidates from best to worst; equal scores by lowest index.
  std::array<std::vector<int>, kNumAggregates> order;
  std::array<std::optional<int>, kNumAggregates> choice;
  // First candidate with the most frequent answer; among equally frequent, the lowest index.
  std::optional<int> majority;
  // First scored candidate with the answer of the largest summed aggregate; ties as above.
  // Source: Li et al. 2023, "Making Language Models Better Reasoners with Step-Aware Verifier",
  // section 3.2.
  std::optional<int> weighted;
  // What each rule could have chosen as well, its choice among them, rising; empty where that
  // stands alone. Of answers that tie in a vote, the candidate that each would choose.
  std::array<std::vector<int>, kNumAggregates> choice_ties;
  std::vector<int> majority_ties;
  std::vector<int> weighted_ties;
  friend bool operator==(const Ranking&, const Ranking&) = default;
};

// Pure. `weight`: the aggregate that weighted voting sums.
Ranking RankCandidates(std::span<const RankedCandidate> candidates,
                       AggregateKind weight = AggregateKind::kMin);

// Candidates whose answer won a vote though a step of theirs is likely wrong: rising indices.
// first_errors [N]: -1 or the first step below the threshold. Throws Error(kInvalidArgument) for
// lists of different lengths.
std::vector<int> DoubtfulWinners(std::span<const RankedCandidate> candidates,
                                 const Ranking& ranking, std::span<const int> first_errors);

// Probability of a correct choice among n of the N candidates, drawn without replacement; entry
// n - 1 is for n. A subset in which nothing can be chosen counts as wrong.
struct BestOfN {
  std::array<std::vector<double>, kNumAggregates> choice;  // [N] each
  std::vector<double> majority;                            // [N]
  // [N]; nullopt where the subsets are more than `max_subsets`: sums of real weights have no closed
  // form, so they are counted one by one.
  std::vector<std::optional<double>> weighted;
  std::vector<double> pass;  // [N] at least one correct
};

struct BestOfNOptions {
  AggregateKind weight = AggregateKind::kMin;
  int64_t max_subsets = 50000;  // of one size that weighted voting may count
};

// Exact expectation over subsets by counting; the rules of RankCandidates hold in each subset.
// is_correct [N]. Throws Error(kInvalidArgument) for lists of different lengths.
// Source: pass@n, Chen et al. 2021, "Evaluating Large Language Models Trained on Code", equation 1.
BestOfN ExpectBestOfN(std::span<const RankedCandidate> candidates,
                      const std::vector<bool>& is_correct, const BestOfNOptions& options = {});

struct Interval {
  double low = 0;
  double high = 0;
};
// 95 % percentile interval of the mean, by drawing problems with replacement; the same for the same
// seed everywhere. `values` holds one number a problem, at least one.
// Source: Efron 1979, "Bootstrap Methods".
Interval BootstrapMean(std::span<const double> values, int replicates = 2000, uint64_t seed = 1);

}  // namespace prm
